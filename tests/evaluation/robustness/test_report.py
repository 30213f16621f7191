from __future__ import annotations

from mnist_classifier.evaluation.robustness.report import Goal, RobustnessReport, Row, summarise

ROWS = (
    Row("pen_digits.mean", "pen digits", 30, 0.9666666666, (0.95, 0.98), Goal(0.99)),
    Row("corruptions.mean", "corrupted", 30, 0.98, (0.95, 0.99), Goal(0.97)),
    Row("mnist.accepted", "accepted", 30, 0.5, (0.3, 0.7)),
)


def test_the_summary_counts_goals_and_has_null_for_what_was_left_out():
    assert summarise(ROWS) == {
        "goals_reached": 1,
        "goals": 2,
        "pen_digits_mean": 0.966667,
        "characters_auroc": None,
        "corruptions_mean": 0.98,
    }


def test_a_report_is_plain_values():
    table = RobustnessReport("test", None, ROWS, {"strings": "not yet"}, 1.23).to_dict()
    assert table["rows"][0] == {
        "id": "pen_digits.mean",
        "title": "pen digits",
        "n": 30,
        "measured": 0.966667,
        "interval_95": [0.95, 0.98],
        "goal": ">= 99.00%",
        "reached": False,
    }
    assert table["rows"][2]["goal"] is table["rows"][2]["reached"] is None
    assert table["left_out"] == {"strings": "not yet"}
