"""Settings in the environment that no object store can be reached with are named, and none of their values is."""

from __future__ import annotations

import os

import pytest

from krr_export.errors import UsageError
from krr_export.input.objects.address import parse_address
from krr_export.input.objects.store import open_objects

SECRET = "hemmelig-7"  # noqa: S105 - stands for a key
S3, AZURE, GOOGLE = "s3://bucket/krr", "abfss://krr@account.dfs.core.windows.net/krr", "gs://bucket/krr"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("uri", "variables", "said"),
    [
        (S3, {"AWS_ACCESS_KEY_ID": f"{SECRET}\n"}, "the variable AWS_ACCESS_KEY_ID has a line end or a control"),
        (S3, {"AWS_ENDPOINT_URL": SECRET}, "the endpoint of the object store is no address; give https://HOST:PORT"),
        (S3, {"AWS_ENDPOINT_URL": "https://host:65536"}, "the endpoint of the object store is no address"),
        (S3, {"AWS_ENDPOINT_URL": "http://host:1"}, "the endpoint .* is http, .* set AWS_ALLOW_HTTP=true"),
        (S3, {"AWS_ENDPOINT_URL": "http://host:1", "AWS_ALLOW_HTTP": "no"}, "the endpoint .* AWS_ALLOW_HTTP=true"),
        (AZURE, {"AZURE_STORAGE_ENDPOINT": "http://host:1"}, "the endpoint .* is http, .* set AZURE_ALLOW_HTTP=true"),
        (AZURE, {"AZURE_STORAGE_ACCOUNT_KEY": f"{SECRET}!"}, f"{AZURE} cannot be opened with the settings in the envi"),
    ],
)
def test_what_no_store_can_be_reached_with_is_named(
    uri: str, variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"^{said}") as caught:
        open_objects(parse_address(uri))
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endpoint_with_tls_or_one_that_is_allowed_without_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, allowed in (("https://host:1", "false"), ("http://127.0.0.1:1", "TRUE"), ("http://127.0.0.1:1", "1")):
        monkeypatch.setenv("AWS_ENDPOINT_URL", value)
        monkeypatch.setenv("AWS_ALLOW_HTTP", allowed)
        assert open_objects(parse_address(S3)).uri == S3


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("ftp://host/krr", "the URI is of no object store that is known; give "),
        ("s3://Bucket!/krr", "the URI is not written as that of an object store"),
        ("s3://bucket/a b", "the URI is not written as that of an object store"),
        ("s3://bucket/eksport=x/krr", "the URI has eksport= in it, which names snapshots"),
    ],
)
def test_a_uri_of_no_place_is_refused(uri: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        parse_address(uri)
