import importlib
import subprocess
import sys
from pathlib import Path

from experiments import lightbox
from experiments.command_line import parse_run

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("torch", "monai", "pytorch_lightning", "wandb", "pandas", "matplotlib", "timm", "cv2")


def test_lightbox_alone_lists_the_verbs_without_loading_torch():
    code = (
        "import sys; from experiments.lightbox import main; main([])\n"
        f"assert not set({HEAVY}) & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    assert [verb for verb in lightbox.VERBS if f"\n  {verb} " in done.stdout] == [*lightbox.VERBS]


def test_lightbox_passes_the_words_on_to_the_verb(capsys):
    assert lightbox.main(["run", "demo-xray", "--print-config"]) == 0
    assert capsys.readouterr().out.rstrip() == parse_run(["demo-xray", "--print-config"]).text


def test_an_unknown_verb_suggests_the_nearest(capsys):
    assert lightbox.main(["predcit"]) == 2
    assert "there is no verb predcit; did you mean predict?" in capsys.readouterr().err


def test_every_verb_is_a_module_that_says_what_it_does(capsys):
    lightbox.main([])
    lines = capsys.readouterr().out.splitlines()
    for verb in lightbox.VERBS:
        assert callable(importlib.import_module(f"experiments.{verb.replace('-', '_')}").main)
        assert any(line.startswith(f"  {verb} ") and len(line.split()) > 3 for line in lines)
