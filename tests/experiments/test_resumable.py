from experiments.catalog.index import find
from experiments.resumable import fixed_settings, may_change


def test_results_do_not_depend_on_what_may_change():
    experiment = find("demo-xray")
    other = experiment.replace(
        data=experiment.data.replace(workers=5),
        logging=experiment.logging.replace(project="other"),
        slurm=experiment.slurm.replace(partition="gpu"),
        score_test=False,
    )
    assert fixed_settings(other) == fixed_settings(experiment)


def test_what_results_depend_on_is_there_by_name():
    found = fixed_settings(find("demo-xray"))
    assert found["seed"] == "0"
    assert found["task.loss.kind"] == '"cross-entropy"'
    assert not [name for name in found if may_change(tuple(name.split(".")))]


def test_no_place_on_this_machine_is_among_them():
    experiment = find("demo-xray")
    task = experiment.task.replace(init_from="/home/somebody/run")
    assert "somebody" not in str(fixed_settings(experiment.replace(task=task)))
