import pytest

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed: pip install irg[serve]")

from irg.serve.metrics import Metrics


def test_the_page_has_what_was_observed_and_gauges_as_they_are_now() -> None:
    metrics, waiting = Metrics(), [3]
    metrics.follow("queue", "Requests that wait.", lambda: waiting[0])
    metrics.errors.labels("timeout").inc()
    metrics.first_token.observe(0.2)
    waiting[0] = 5
    page = metrics.page().decode()
    assert "irg_queue 5.0" in page and 'irg_errors_total{reason="timeout"} 1.0' in page
    assert 'irg_first_token_seconds_bucket{le="0.2"} 1.0' in page
    assert 'irg_first_token_seconds_bucket{le="0.1"} 0.0' in page


def test_two_servers_share_no_numbers() -> None:
    first, second = Metrics(), Metrics()
    first.errors.labels("timeout").inc()
    assert "timeout" not in second.page().decode()
