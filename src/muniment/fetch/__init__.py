"""The network: which addresses are allowed, sockets and exact octets, the static engine."""
