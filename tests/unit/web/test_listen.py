"""Listening: a port that cannot be had says so."""

import pytest

from appliance.errors import BadInput
from appliance.web.listen import address, listen


def test_a_port_in_use_is_named_with_the_option_that_changes_it() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(BadInput) as caught:
            listen("127.0.0.1", port)

    assert f"Port {port} on 127.0.0.1 is already in use." in str(caught.value)
    assert "--port" in caught.value.hint


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(BadInput) as caught:
        listen(host, 0)

    assert "--host" in caught.value.hint


def test_a_port_beyond_the_last_is_refused() -> None:
    with pytest.raises(BadInput):
        listen("127.0.0.1", 70_000)


def test_the_address_is_one_a_browser_takes() -> None:
    with listen("0.0.0.0", 0) as listener:
        port = listener.getsockname()[1]

        assert address(listener) == f"http://127.0.0.1:{port}"
