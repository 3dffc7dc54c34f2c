"""Names and pages that may talk to the store through a browser."""

import pytest
from litestar import Request
from litestar.testing import RequestFactory

from appliance.web.origin import is_loopback, refuse_foreign
from appliance.web.problems import Refused

FACTORY = RequestFactory()


def refusal(
    method: str = "POST", *, host: str = "127.0.0.1", public_name: str = "", **headers: str
) -> str:
    """Return the status and code a request is refused with, or ''."""
    make = FACTORY.post if method == "POST" else FACTORY.get
    try:
        refuse_foreign(make("/v1/ask", headers=headers), host=host, public_name=public_name)
    except Refused as refused:
        return f"{refused.problem.status} {refused.problem.code}"
    return ""


def raw(*headers: tuple[str, str], method: str = "POST") -> Request:  # type: ignore[type-arg]
    """Return a request with these very headers, also the same one twice."""
    request = (FACTORY.post if method == "POST" else FACTORY.get)("/v1/ask")
    scope = {**request.scope, "headers": [(n.encode(), v.encode()) for n, v in headers]}
    return Request(scope)  # type: ignore[arg-type]


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


@pytest.mark.parametrize(
    "asked",
    [
        "evil.example@localhost:8080",
        "localhost:0",
        "localhost:65536",
        "localhost:99999999999999999999",
        "localhost:8080:8080",
        "localhost:８０",
        "localhost/",
        "localhost\\evil.example",
        "localhost#",
        "local host",
        "[::1",
        "[::1]evil.example",
        "[localhost]:80:80",
        "localhost," * 1_000,
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_host_that_names_no_server_is_refused_anywhere(asked: str, host: str) -> None:
    with pytest.raises(Refused) as caught:
        refuse_foreign(raw(("host", asked), method="GET"), host=host)
    assert (caught.value.problem.status, caught.value.problem.code) == (403, "foreign_host")


@pytest.mark.parametrize("foreign", ["http://evil.example", "http://127.0.0.1:8080"])
def test_an_origin_said_twice_is_nobodys_page(foreign: str) -> None:
    ours = ("origin", "http://127.0.0.1:8080")
    for origins in ((ours, ("origin", foreign)), (("origin", foreign), ours)):
        with pytest.raises(Refused) as caught:
            refuse_foreign(raw(("host", "127.0.0.1:8080"), *origins), host="127.0.0.1")
        assert caught.value.problem.code == "foreign_origin"
    with pytest.raises(Refused):
        refuse_foreign(raw(("host", "localhost"), ("host", "evil.example")), host="127.0.0.1")


@pytest.mark.parametrize(
    "origin", ["http://store:99999", "http://store:0", "file://store", "http://x@store", "//store"]
)
def test_an_origin_that_is_no_page_is_foreign(origin: str) -> None:
    assert refusal(host="0.0.0.0", Host="store", Origin=origin) == "403 foreign_origin"


def test_a_schemes_own_port_is_the_same_said_or_not() -> None:
    assert refusal(host="0.0.0.0", Host="store:80", Origin="http://store") == ""
    assert refusal(host="0.0.0.0", Host="Store", Origin="http://store:80") == ""
    assert refusal(host="0.0.0.0", Host="store:80", Origin="https://store") == "403 foreign_origin"


# ── a TLS proxy on the same machine ───────────────────────────────────────────────────────────

SHOP = "Backroom.shop.example"


@pytest.mark.parametrize("asked", ["backroom.shop.example", "backroom.SHOP.example:8443"])
def test_the_public_name_is_answered_beside_this_machines_own(asked: str) -> None:
    assert refusal(public_name=SHOP, Host=asked) == ""
    assert refusal(public_name=SHOP, Host="localhost:8080") == ""
    assert refusal(Host=asked) == "403 foreign_host"
    assert refusal(public_name=SHOP, Host=f"evil.{asked}") == "403 foreign_host"


@pytest.mark.parametrize("passed_on", ["backroom.shop.example", "127.0.0.1:8080"])
def test_the_public_names_page_may_post_whatever_name_the_proxy_passes_on(passed_on: str) -> None:
    def post(origin: str) -> str:
        return refusal(public_name=SHOP, Host=passed_on, Origin=origin)

    assert post("https://backroom.shop.example") == post("https://backroom.shop.example:8443") == ""
    assert post("https://evil.example") == "403 foreign_origin"
    assert post("https://backroom.shop.example.evil.example") == "403 foreign_origin"


def test_a_page_of_the_public_name_without_tls_is_foreign_behind_a_proxy() -> None:
    asked = {"Host": "127.0.0.1:8080", "Origin": "http://backroom.shop.example"}
    assert refusal(public_name=SHOP, **asked) == "403 foreign_origin"
