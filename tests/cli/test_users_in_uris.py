"""Users and passwords in URIs: no message has them, and a container of Azure's, which stands there, is kept."""

from __future__ import annotations

import pytest

from krr_export.cli import console


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("sftp://krr:geheim@host/x", "sftp://host/x"),
        ("two: a://u@h b://v:w@h", "two: a://h b://h"),
        ("s3://user:gehe@im@bucket/x@y", "s3://bucket/x@y"),
        ("3http://geheim@h", "3http://h"),
        ("at abfss://krr@a.dfs.core.windows.net/x, that", "at abfss://krr@a.dfs.core.windows.net/x, that"),
        ("ABFS://krr@a", "ABFS://krr@a"),
        ("abfss://krr:geheim@a.dfs", "abfss://a.dfs"),
        ("abfss://krr@geheim@a.dfs", "abfss://a.dfs"),
        ("xabfss://geheim@a.dfs", "xabfss://a.dfs"),
    ],
)
def test_a_user_is_removed_and_a_container_is_not(
    said: str, printed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRR_EXPORT_LOG_FORMAT", raising=False)
    console.Console().say(f"at <{said}>")
    err = capsys.readouterr().err
    assert (f"<{printed}>" in err, "geheim" in err) == (True, False)
