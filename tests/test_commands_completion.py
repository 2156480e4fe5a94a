"""Completion as the shells ask for it; Bash is asked itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Run, assert_one_line

from zoo.pretrained import shipped

ZOO = [f"zoo:{name}" for name in shipped()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a program of our name, and one file."""
    program = tmp_path / "bin" / "neuroninterp"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom neuroninterp.cli import main\nmain()\n")
    program.chmod(0o755)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "model.onnx").touch()
    return tmp_path


def environment(place: Path, **more: str) -> dict[str, str]:
    path = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **more}


def in_bash(place: Path, line: str) -> list[str]:
    """Type a line and the tab key: what Bash would put in place of its last piece."""
    pieces = line.replace(":", " : ").split()
    if line.endswith(" "):
        pieces.append("")
    script = (
        'eval "$(neuroninterp completion bash)"\n'
        f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_CWORD={len(pieces) - 1}\n"
        f"COMP_WORDS=({' '.join(repr(piece) for piece in pieces)})\n"
        "_neuroninterp_completion neuroninterp 2>/dev/null\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env=environment(place),
        cwd=place / "work",
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no Bash on this machine to ask")
def test_bash_completes_commands_options_networks_and_layers(place: Path) -> None:
    assert in_bash(place, "neuroninterp comp") == ["compare", "completion"]
    assert in_bash(place, "neuroninterp analyze model.onnx --eff") == ["--effort"]
    assert in_bash(place, "neuroninterp analyze model.onnx --effort ") == [
        "quick",
        "standard",
        "thorough",
    ]
    assert in_bash(place, "neuroninterp inspect z") == ZOO
    # Bash replaces what stands after the colon alone.
    some = [name for name in ZOO if name.startswith("zoo:cnn-2")]
    assert in_bash(place, "neuroninterp analyze zoo:cnn-2") == [
        n.removeprefix("zoo:") for n in some
    ]
    assert in_bash(place, "neuroninterp neuron zoo:cnn-2 ") == ["1", "2"]
    assert in_bash(place, "neuroninterp neuron model.onnx ") == []
    # Files are Bash's own business.
    assert in_bash(place, "neuroninterp inspect mod") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered(place: Path, shell: str) -> None:
    def ask(*words: str) -> str:
        asked = {"COMP_WORDS": " ".join(words), "_NEURONINTERP_COMPLETE": f"{shell}_complete"}
        asked["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words) - 1)
        done = subprocess.run(
            [place / "bin" / "neuroninterp"],
            capture_output=True,
            text=True,
            env=environment(place, **asked),
            check=True,
        )
        return done.stdout

    assert "compare" in ask("neuroninterp", "comp")
    answer = ask("neuroninterp", "analyze", "zoo:cnn-2")
    assert "zoo:cnn-25" in answer.replace("\\:", ":")
    assert "zoo:cnn-1" not in answer.replace("\\:", ":")


def test_scripts_are_printed(run_here: Run) -> None:
    for shell in ("bash", "zsh", "fish"):
        done = run_here("completion", shell)
        assert done.returncode == 0
        assert done.stderr == ""
        assert "_NEURONINTERP_COMPLETE" in done.stdout
    assert_one_line(run_here("completion", "tcsh"), "tcsh", "bash")
    assert_one_line(run_here("completion"), "bash")
