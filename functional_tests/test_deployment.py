"""What SMSP is shipped by: the image, as far as it can be tried without a container engine, the
files in the documents that people copy, and the workflows.

Needs the inside: what people copy is read as SMSP reads it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from functional_tests.kit.image import USER, build, exec_form, instructions
from functional_tests.kit.jail import can_be_tight, start
from functional_tests.kit.polling import eventually
from functional_tests.kit.processes import ROOT
from smsp.settings import load
from smsp.settings.keys import new_key
from tests.kit.documents import block

KEY = "a-key-of-more-than-16-characters"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def tool(name, *arguments, stdin=""):
    """Run a linter of this virtual environment; its findings are shown with the failure."""
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert program is not None, f"{name} is not installed"
    done = subprocess.run(
        [program, *arguments], input=stdin, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile():
    """hadolint finds nothing in it, at any level."""
    tool("hadolint", "--failure-threshold", "style", "Dockerfile")


def test_the_image_runs_as_somebody_without_rights():
    """By number, so that Kubernetes can see that it is not root; and not as who installs."""
    told = list(instructions())
    assert [rest for word, rest in told if word == "USER"] == [f"{USER}:{USER}"]
    users = [position for position, (word, _) in enumerate(told) if word == "USER"]
    runs = [position for position, (word, _) in enumerate(told) if word == "RUN"]
    assert max(runs) < users[0]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The lines of the build stage, run in a fresh virtual environment."""
    return build(tmp_path_factory.mktemp("image"))


def test_the_image_installs(image):
    """Locked versions with their hashes and SMSP itself, without one missing or at odds."""
    pip = [image.program("python"), "-m", "pip", "--disable-pip-version-check"]
    checked = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    shown = subprocess.run([image.program("smsp"), "--version"], capture_output=True, check=True)
    assert shown.stdout.startswith(b"smsp, version ")
    names = {one["name"] for one in json.loads(_said([*pip, "list", "--format=json"]))}
    assert "pytest" not in names


def test_it_writes_nothing(image, tmp_path):
    """It starts, is healthy, sends and stops, with no home and nothing that can be written to."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environ = image.environ | {
        "SMSP_API_KEY": KEY,
        "SMSP_MOCK_EMAIL_SERVICE": "true",
        "SMSP_HOST": "127.0.0.1",
        "SMSP_PORT": port,
    }
    (tmp_path / "empty").mkdir()
    command = [image.program(exec_form("ENTRYPOINT")[0]), *exec_form("CMD")]
    process = start(command, environ, tmp_path / "empty", USER)
    try:
        health = [image.program("python"), *exec_form("HEALTHCHECK")[1:]]
        eventually(lambda: _succeeds(health, environ), "it is healthy", within_s=30)
        assert _user_of(process.pid) == (USER if can_be_tight() else os.geteuid())
        sending = [
            image.program("smsp"),
            "send",
            "--from",
            "a@example.com",
            "--to",
            "b@example.org",
        ]
        caller = {"SMSP_API_KEY": KEY, "SMSP_HOST_PORT": f"127.0.0.1:{port}"}
        assert json.loads(_said(sending, image.environ | caller))["outcome"] == "sent"
    finally:
        process.terminate()
        told, _ = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert {json.loads(line)["level"] for line in told.splitlines()} <= {"info"}


def test_the_jail_is_tight(tmp_path):
    """The place where that was tried lets nobody write, wherever."""
    (tmp_path / "empty").mkdir()
    script = """
        for at in . "$TMPDIR" /tmp /var/tmp /dev/shm; do
            echo x > $at/smsp-was-here && echo written: $at
        done 2>/dev/null
        rm -f /tmp/smsp-was-here
        id -u
    """
    process = start(["/bin/sh", "-c", script], {"PATH": "/usr/bin:/bin"}, tmp_path / "empty", USER)
    told, _ = process.communicate(timeout=20)
    assert told.split() == [str(USER if can_be_tight() else os.geteuid())]


def manifests():
    """What the documents give to Kubernetes, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all(block("kubernetes"))}


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_the_manifest(kind):
    """Kubernetes would take it: every field is known, and of its type."""
    kubernetes_validate.validate(manifests()[kind], "1.31", strict=True)


def test_no_two_nodes_behind_what_does_not_hash():
    """A Service deals requests out at random: two nodes behind it would send a message of one
    ``Idempotency-Key`` twice, so the manifest never has two, in an update neither."""
    assert set(manifests()) == {"Deployment", "Service"}
    spec = manifests()["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    service = yaml.safe_load(block("compose"))["services"]["smsp"]
    assert service.keys().isdisjoint({"deploy", "scale"})


def test_the_pod_has_no_rights():
    """Neither root nor a file system to write to, nor a token; and no injected variables."""
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == USER
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_pod_has_time_to_stop():
    """Longer than both of SMSP's own times for it."""
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    settings = _settings(_variables(pod["containers"][0]))
    drain_s = settings.drain_delay_s + settings.drain_timeout_s
    assert settings.drain_delay_s == 5
    assert pod["terminationGracePeriodSeconds"] > drain_s + 5


def test_probes_ask_what_there_is():
    """Liveness never depends on a provider, readiness tells of draining."""
    (container,) = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    paths = {
        probe: container[f"{probe}Probe"]["httpGet"]["path"]
        for probe in ("startup", "liveness", "readiness")
    }
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_the_compose_file(tmp_path):
    """It is one by the compose specification, and SMSP would start with it."""
    file = tmp_path / "compose.yaml"
    file.write_text(block("compose"))
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(file))
    service = yaml.safe_load(block("compose"))["services"]["smsp"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    settings = _settings(service["environment"])
    grace_s = int(service["stop_grace_period"].removesuffix("s"))
    assert grace_s > settings.drain_delay_s + settings.drain_timeout_s + 5


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_the_workflows(workflow):
    """They have the shape of workflows, and neither give away rights nor run what may change."""
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow))
    tool("zizmor", "--offline", "--no-progress", "--pedantic", str(workflow))
    if shutil.which("actionlint"):  # in no package that can be installed here
        tool("actionlint", str(workflow))


def test_the_workflows_run_the_same_python_versions():
    """Those that the package says it is for."""
    declared = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())
    for workflow in WORKFLOWS:
        jobs = yaml.safe_load(workflow.read_text())["jobs"]
        assert jobs["test"]["strategy"]["matrix"]["python"] == declared


def _variables(container):
    return {one["name"]: one["value"] for one in container["env"]}


def _settings(environ):
    """The settings that these variables are, with a secret in every file."""
    key, _ = new_key("shop", "send")
    return load(
        environ, read_file=lambda path: (key.entry if "keys" in path else "secret").encode()
    )


def _succeeds(command, environ):
    return subprocess.run(command, env=environ, check=False, capture_output=True).returncode == 0


def _said(command, environ=None):
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


def _user_of(pid):
    """The user of a process, or of the one that it has become."""
    return os.stat(f"/proc/{pid}").st_uid
