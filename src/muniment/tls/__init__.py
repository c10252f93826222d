"""TLS 1.2 and 1.3 (RFC 5246, RFC 8446) seen passively: pure, bounded, without a part in the connection.

Two streams of octets and a client's key log go in; application data, the facts of the handshake and evidence of the
server's signature over it come out.
"""
