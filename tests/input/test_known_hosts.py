"""Keys and hosts that nobody can use are passed over, or said to be so, before a server is asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from krr_export.errors import UsageError
from krr_export.input.sftp import known_hosts
from krr_export.input.sftp.identities import identities
from krr_export.input.sftp.known_hosts import known_keys

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIPQ5dBJnBDb8vdo7Qw3xBvTrJW6H0VZ8mJ3bXK9Y9lJm"


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys and hosts of whoever runs it, or of this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(known_hosts, "_SYSTEM_FILE", tmp_path / "ssh_known_hosts")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# host ssh-ed25519 " + KEY,
        "host ssh-ed25519",
        f"host ssh-ed25519 {KEY}*",
        f"host ssh-ed25519 {KEY}A",
        f"|1|nonsense ssh-ed25519 {KEY}",
        f"|1|a*b=|c2FsdA== ssh-ed25519 {KEY}",
        f"|1|c2FsdA==|c2FsdA==|c2FsdA== ssh-ed25519 {KEY}",
        f"@cert-authority host ssh-ed25519 {KEY}",
    ],
)
def test_a_line_that_names_no_key_of_the_host_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / "known").write_text(f"{line}\nother,HOST ssh-ed25519 {KEY}\n")
    assert len(known_keys("host", tmp_path / "known").trusted) == 1
    (tmp_path / "known").write_text(f"{line}\n")
    found = known_keys("host", tmp_path / "known")
    assert (found.trusted, found.revoked, found.types) == (frozenset(), frozenset(), frozenset())


def test_a_file_that_was_given_must_be_there_and_the_usual_ones_need_not_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^the file of known hosts none cannot be read: No such file.*--known-hosts"):
        known_keys("host", tmp_path / "none")
    assert known_keys("host", None).trusted == frozenset()
    (tmp_path / "ssh_known_hosts").write_text(f"host ssh-ed25519 {KEY}\n")
    assert known_keys("host", None).types == {"ssh-ed25519"}


def test_a_user_without_a_home_has_no_keys_of_his_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    (tmp_path / "ssh_known_hosts").write_text(f"host ssh-ed25519 {KEY}\n")
    assert known_keys("host", None).types == {"ssh-ed25519"}
    with identities(None, lambda: None, 1) as keys:
        assert list(keys) == []


@pytest.mark.parametrize("kind", ["DSA", "a curve that SSH lacks"])
def test_an_identity_of_a_kind_that_ssh_has_no_more_is_said_to_be_so(tmp_path: Path, kind: str) -> None:
    key = dsa.generate_private_key(2048) if kind == "DSA" else ec.generate_private_key(ec.SECP256K1())
    file = tmp_path / "my-key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    said = re.escape("the identity file's kind of key cannot be used; give a private key (OpenSSH or PEM;")
    with pytest.raises(UsageError, match=f"^{said}"), identities(file, lambda: None, 1):
        pytest.fail("no login can be tried with it")
