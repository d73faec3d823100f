"""A certificate for loopback, from an authority that lives as long as the sandbox does.

1. The authority's key is thrown away at once: nothing else can ever be signed by it.
2. Only its certificate is written to a file, for clients that insist on TLS to trust.
"""

import ipaddress
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = timedelta(days=397)
_LOOPBACK = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """`context` serves with it; `authority` is the file that a client trusts."""

    context: ssl.SSLContext
    authority: Path


@contextmanager
def made(now: datetime) -> Iterator[Certificate]:
    """A new authority and its one certificate, until the block ends."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _builder("aitrader sandbox authority", "aitrader sandbox authority", now)
    authority = authority.public_key(authority_key.public_key())
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    signed_authority = authority.sign(authority_key, hashes.SHA256())
    leaf = _builder("aitrader sandbox", "aitrader sandbox authority", now)
    leaf = leaf.public_key(key.public_key())
    leaf = leaf.add_extension(x509.SubjectAlternativeName(_LOOPBACK), False)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    signed_leaf = leaf.sign(authority_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    with tempfile.TemporaryDirectory(prefix="aitrader-sandbox-") as folder:
        private = key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain = Path(folder) / "server.pem"
        chain.touch(mode=0o600)
        chain.write_bytes(private + signed_leaf.public_bytes(pem))
        trusted = Path(folder) / "authority.pem"
        trusted.write_bytes(signed_authority.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        yield Certificate(context, trusted)


def _builder(subject: str, issuer: str, now: datetime) -> x509.CertificateBuilder:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
    )
