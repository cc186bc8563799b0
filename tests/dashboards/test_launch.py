"""However it is started, the dashboard listens on this machine only and answers with headers that hostile text cannot get past."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import subprocess
import sys

import invented
import pytest
from dashboard_server import listening_addresses, serving, typed
from ports import free_port

from dashboards.launch import APP, command, refuse_unless_loopback
from pipelines.errors import ConfigurationError


def answer(port, path="/", host=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    response = connection.getresponse()
    return response, response.read().decode()


def test_the_command_names_the_script_by_its_path_and_binds_to_loopback():
    started = command(8600)
    assert started[:4] == [sys.executable, "-m", "streamlit", "run"]
    assert APP.is_absolute()
    assert started[4] == str(APP)
    assert {"--server.address=127.0.0.1", "--server.port=8600", "--browser.gatherUsageStats=false"} <= set(started)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.5", "127.0.0.1.evil.invalid", "", None])  # noqa: S104 - what must not happen
def test_any_address_but_loopback_is_refused_with_what_to_do(address, record_property):
    with pytest.raises(ConfigurationError, match="Start it with `handoff dashboard`"):
        refuse_unless_loopback(address)
    record_property("counted", "other addresses refused")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_not_refused(address):
    refuse_unless_loopback(address)


@pytest.mark.slow
def test_streamlit_run_that_is_told_to_listen_elsewhere_ends_with_a_sentence(tmp_path, record_property):
    told = [*typed(free_port()), "--server.address=0.0.0.0"]
    ended = subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "does not listen on 0.0.0.0" in ended.stdout + ended.stderr
    record_property("counted", "other addresses refused")


@pytest.mark.slow
def test_a_setting_that_is_not_usable_is_said_on_the_page_and_stops_no_server(home, tmp_path):
    with serving(home, tmp_path, typed, SANDBOX_PORT="many") as port:
        response, body = answer(port, "/healthz")
        assert response.status == 503
        assert "A setting is not usable. `handoff doctor` says which." in body


@pytest.mark.slow
def test_handoff_dashboard_binds_to_loopback_whatever_the_environment_says(home, tmp_path, record_property):
    invented.publish(home, invented.rows())
    with serving(home, tmp_path, command, STREAMLIT_SERVER_ADDRESS="0.0.0.0", STREAMLIT_CLIENT_SHOW_ERROR_DETAILS="full") as port:  # noqa: S104 - what must not happen
        assert listening_addresses(port) == {"127.0.0.1"}
    record_property("counted", "ways to start the dashboard, listening on 127.0.0.1 alone")


@pytest.mark.slow
def test_streamlit_run_typed_elsewhere_binds_to_loopback_and_sends_the_same_headers(home, tmp_path, record_property):
    invented.publish(home, invented.rows())
    with serving(home, tmp_path, typed) as port:
        assert listening_addresses(port) == {"127.0.0.1"}
        response, page = answer(port)
        policy = response.headers["content-security-policy"]
        for script in re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL):
            assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
        assert "img-src 'self' data: blob:" in policy
        assert "unsafe-eval" not in policy
        assert "st-key-narrow-" in page
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert answer(port, host="evil.invalid")[0].status == 400
        assert answer(port, host=f"localhost:{port}")[0].status == 200
    record_property("counted", "ways to start the dashboard, listening on 127.0.0.1 alone")
