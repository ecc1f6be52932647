"""A skipped test fails the run: loaded where every tool must be present (`pytest -p tests.no_skips`)."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turns the exit status to failure if a test was skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", ())) if reporter else 0
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("")
        reporter.write_line(f"{skipped} skipped: here every test must run.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
