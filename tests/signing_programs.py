"""Programs that sign with keys which we never see: openssl, as a hardware token would."""

import subprocess
from pathlib import Path

from muniment import settings

KINDS = {
    "ed25519": (["genpkey", "-algorithm", "ed25519"], None),
    "p-256": (
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ["openssl", "dgst", "-sha256", "-sign"],
    ),
    "rsa": (
        ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ["openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sign"],
    ),
}


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True, text=True).stdout


def described(folder: Path, kind: str) -> bytes:
    """Make a key of *kind* by openssl below *folder*; return the TOML that lets openssl sign with it."""
    made, signing = KINDS[kind]
    key = folder / f"{kind}.pem"
    openssl(*made, "-out", str(key))
    if signing is None:  # openssl wants a file to sign by Ed25519
        script = folder / "sign.sh"
        script.write_text(f"cat > {folder}/message && openssl pkeyutl -sign -rawin -inkey {key} -in {folder}/message")
        line = ["sh", str(script)]
    else:
        line = [*signing, str(key)]
    public = openssl("pkey", "-in", str(key), "-pubout")
    command_line = ", ".join(settings.text(each) for each in line)
    return f'public-key = """\n{public}"""\ncommand = [{command_line}]\n'.encode()
