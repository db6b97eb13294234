"""failure_report: one line when a place cannot be reached, and one when it can again, for all that share it."""

from __future__ import annotations

from gntp_logging.delivery.failure_report import FailureReport


def test_a_failure_is_one_line_for_all_workers_of_a_place_and_so_is_its_end() -> None:
    """Another place has lines of its own."""
    lines: list[str] = []
    one, same = (FailureReport("desk:23053", ("desk", "key"), lines.append) for _ in range(2))
    other = FailureReport("lab:23053", ("lab", "key"), lines.append)
    for report in (one, same, one, other):
        report.failure("nobody listens")
    same.success(lambda: (2000, 1))
    one.success(lambda: (1, 0))
    other.success(lambda: (1, 0))
    assert lines == [
        "cannot show alerts on desk:23053: nobody listens",
        "cannot show alerts on lab:23053: nobody listens",
        "desk:23053 shows alerts again: 2,000 alerts waited, 1 alert lost",
        "lab:23053 shows alerts again: 1 alert waited, none lost",
    ]


def test_without_a_failure_a_success_counts_nothing() -> None:
    """It comes with every alert."""

    def count() -> tuple[int, int]:
        raise AssertionError("nobody asked")

    FailureReport("desk", "alone", print).success(count)


def test_a_line_that_cannot_be_written_harms_nobody() -> None:
    """sys.stderr can be anything."""

    def fail(line: str) -> None:
        raise AttributeError(line)

    report = FailureReport("desk", "broken stderr", fail)
    report.failure("no")
    report.success(lambda: (1, 0))
