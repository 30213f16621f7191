from __future__ import annotations

from mnist_classifier.core.errors import MnistError

CODES = """
alias_moved checkpoint_corrupt claim_lost cluster_unavailable correction_missing corrections_changed cross_site_request
data_corrupt
data_error data_missing data_unreadable database_busy database_unreachable download_failed error folder_taken
host_not_allowed image_too_large invalid_archive invalid_config invalid_image invalid_input less_accurate
model_corrupt model_error model_in_use model_missing not_allowed not_for_browsers not_ready nothing_to_roll_back
open_without_token personal_model_missing port_taken proposal_missing run_finished run_in_progress run_missing
search_unavailable server_error server_unreachable storage_full storage_unreachable store_unreachable token_missing
token_wrong too_few_examples too_many_streams
tracker_unavailable training_diverged training_error training_unavailable version_missing worker_failed worker_lost
"""


def kinds(root: type[MnistError]) -> list[type[MnistError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


def test_codes_that_clients_rely_on_stay():
    ours = [kind.code for kind in kinds(MnistError) if kind.__module__ == MnistError.__module__]
    assert sorted(ours) == CODES.split()
