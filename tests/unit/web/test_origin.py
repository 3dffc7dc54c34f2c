"""Names and pages that may talk to the store through a browser."""

from types import SimpleNamespace

import pytest
from litestar.testing import RequestFactory

from appliance.web.origin import is_loopback, refuse_foreign
from appliance.web.problems import Refused

FACTORY = RequestFactory()


def refusal(method: str = "POST", *, host: str = "127.0.0.1", **headers: str) -> str:
    """Return the status and code a request is refused with, or ''."""
    make = FACTORY.post if method == "POST" else FACTORY.get
    try:
        refuse_foreign(make("/v1/ask", headers=headers), host=host)
    except Refused as refused:
        return f"{refused.problem.status} {refused.problem.code}"
    return ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LocalHost"]
)
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "", "::", "10.0.0.5", "store.example", "localhost.evil.example", "127.1.evil"],
)
def test_all_else_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("asked", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost"])
def test_this_machines_own_names_are_answered(asked: str) -> None:
    assert refusal(host="127.0.0.1", Host=asked) == ""


@pytest.mark.parametrize(
    "asked", ["evil.example:8080", "127.0.0.1.evil.example", "0.0.0.0:8080", "", "[", "[::1"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_pointed_at_this_machine_is_refused(asked: str, method: str) -> None:
    assert refusal(method, host="localhost", Host=asked) == "403 foreign_host"


def test_a_store_on_the_network_is_asked_for_by_any_name() -> None:
    assert refusal(host="0.0.0.0", Host="backroom.store.example") == ""


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://[", "garbage"])
def test_a_foreign_pages_post_is_refused_on_any_host(origin: str) -> None:
    assert refusal(host="0.0.0.0", Host="store:8080", Origin=origin) == "403 foreign_origin"
    assert refusal("GET", host="0.0.0.0", Host="store:8080", Origin=origin) == ""


def test_the_stores_own_page_may_post() -> None:
    assert refusal(host="0.0.0.0", Host="store:8080", Origin="http://store:8080") == ""
    assert refusal(host="127.0.0.1", Host="[::1]:80", Origin="https://[::1]:80") == ""


def test_a_name_hidden_before_an_at_sign_is_foreign() -> None:
    request = SimpleNamespace(headers={"host": "evil.example@localhost:8080"}, method="GET")
    with pytest.raises(Refused) as caught:
        refuse_foreign(request, host="127.0.0.1")  # type: ignore[arg-type]
    assert caught.value.problem.code == "foreign_host"
