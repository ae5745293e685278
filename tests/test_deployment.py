"""The files in deploy/, held to the tools that read them and to what the program wants."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from qdrant_client.common.version_check import is_compatible

from rag_flywheel.access.roles import EVERYBODY
from rag_flywheel.config import load
from tests.paths import ROOT
from tests.test_docs import _arguments, _parse

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
BESIDE = Path(sys.executable).parent  # where the programs of packages are
USER = "10001"


def told(*command: str | Path) -> str:
    """What the program says; the test fails where it ends with another code than 0."""
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def compose(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text(name)))


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(KUBERNETES.glob("*.yaml")):
        if file.name not in ("kustomization.yaml", "config.yaml"):
            for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
                yield f"{file.name}: {document['kind']}", document


def pods() -> list[dict[str, Any]]:
    specs = [document["spec"] for _, document in manifests() if document["kind"] in ("Deployment", "CronJob")]
    return [(spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"] for spec in specs]


# --- the image --------------------------------------------------------------------------------------------------------


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    assert told(BESIDE / "hadolint", "--no-color", DEPLOY / "Dockerfile") == ""


def test_hadolint_would_notice_a_careless_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN sudo apt-get install curl\n")
    done = subprocess.run([BESIDE / "hadolint", tmp_path / "Dockerfile"], capture_output=True, check=False)
    assert done.returncode == 1


def test_the_image_runs_as_a_user_without_rights_and_holds_all_that_the_project_is_made_of() -> None:
    dockerfile, kept = text("Dockerfile"), text("Dockerfile.dockerignore").splitlines()
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == [f"{USER}:{USER}"]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert names == {line[1:] for line in kept if line.startswith("!")}
    assert "*" in kept
    assert {name for name in names if not (ROOT / name).exists()} == set()


def test_the_image_has_postgresql_s_programs_of_the_version_of_the_server_in_compose() -> None:
    server = compose("compose.yaml")["services"]["postgres"]["image"].removeprefix("postgres:")
    assert f"postgresql-client-{server}" in text("Dockerfile")


# --- Compose ----------------------------------------------------------------------------------------------------------


def test_compose_files_are_what_the_specification_of_compose_allows() -> None:
    told(
        BESIDE / "check-jsonschema", "--builtin-schema", "vendor.compose-spec",
        DEPLOY / "compose.yaml", DEPLOY / "watch.yaml",
    )  # fmt: skip


def test_docker_compose_takes_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = needed("docker")
    if subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("docker has no compose plugin here")
    for name in ("POSTGRES_PASSWORD", "GRAFANA_PASSWORD", "RAG_FLYWHEEL_METRICS_KEY"):
        monkeypatch.setenv(name, "x")
    told(docker, "compose", "-f", DEPLOY / "compose.yaml", "-f", DEPLOY / "watch.yaml", "config", "--quiet")


def test_our_containers_can_write_to_their_volumes_and_nowhere_else() -> None:
    ours = {name: each for name, each in compose("compose.yaml")["services"].items() if "build" in each}
    assert ours.keys() == {"api", "nightly", "reindex"}
    for each in ours.values():
        assert (each["read_only"], each["tmpfs"], each["cap_drop"]) == (True, ["/tmp"], ["ALL"])  # noqa: S108
        assert each["security_opt"] == ["no-new-privileges:true"]
        written = {mount.split(":")[1] for mount in each["volumes"] if not mount.endswith(":ro")}
        made = re.search(r"install --directory .*? (/\S+(?: /\S+)*) *\\?$", text("Dockerfile"), re.MULTILINE)
        assert made is not None
        assert written == set(made[1].split())


def test_the_qdrant_server_of_compose_fits_the_client() -> None:
    """A server's minor version is that of the pinned client: then both are tested together by their vendor."""
    server = compose("compose.yaml")["services"]["qdrant"]["image"].removeprefix("qdrant/qdrant:v")
    [client] = re.findall(r"^qdrant-client==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert is_compatible(client, server)
    assert client.split(".")[:2] == server.split(".")[:2]
    assert not is_compatible(client, "1.16.3")


def test_images_are_of_a_version() -> None:
    """So that nothing changes by itself; of databases the major version, whose patches should come."""
    services = {**compose("compose.yaml")["services"], **compose("watch.yaml")["services"]}
    others = [each["image"] for each in services.values() if "build" not in each and "image" in each]
    assert others
    assert [image for image in others if not re.search(r":v?\d+(\.\d+)*$", image)] == []


# --- systemd ----------------------------------------------------------------------------------------------------------


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = needed("systemd-analyze")
    for unit in UNITS:  # their program is not installed here
        there = unit.read_text(encoding="utf-8").replace("/opt/flywheel/.venv/bin/rag-flywheel", "/bin/true")
        (tmp_path / unit.name).write_text(there, encoding="utf-8")
    assert told(program, "verify", *(tmp_path / unit.name for unit in UNITS)) == ""


def test_systemd_would_notice_a_wrong_unit(tmp_path: Path) -> None:
    program = needed("systemd-analyze")
    (tmp_path / "wrong.timer").write_text("[Timer]\nOnCalendar=every so often\n")
    done = subprocess.run([program, "verify", tmp_path / "wrong.timer"], capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_exposed_to_little(unit: Path) -> None:
    """Of 100 points, which a unit without any protection nearly has; what is left is the network, and code that models
    make at run time.
    """
    told(needed("systemd-analyze"), "security", "--offline=true", "--threshold=20", unit)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_timer_has_a_service_and_a_service_calls_the_program_as_it_is(unit: Path) -> None:
    if unit.suffix == ".timer":
        assert unit.with_suffix(".service") in UNITS
        return
    [command] = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    arguments = _arguments(re.sub(r"^/bin/sh -c '(.*)'$", r"\1", command))
    assert arguments is not None
    assert _parse(arguments) in arguments


# --- Kubernetes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", [pytest.param(found, id=name) for name, found in manifests()])
def test_kubernetes_manifests_fit_its_schemas(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, "1.37", strict=True)


def test_a_wrong_manifest_would_be_noticed() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Service", "spec": {"prots": []}}, "1.37", strict=True
        )


def test_kustomize_puts_all_of_them_together() -> None:
    made = list(yaml.safe_load_all(told(needed("kubectl"), "kustomize", KUBERNETES)))
    for document in made:
        kubernetes_validate.validate(document, "1.37", strict=True)
    assert sorted(document["kind"] for document in made) == sorted(
        [*(document["kind"] for _, document in manifests()), "ConfigMap"]
    )


def test_every_manifest_is_in_the_kustomization() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    files = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert {*kustomization["resources"], *kustomization["configMapGenerator"][0]["files"]} == files


def test_settings_and_probes_of_kubernetes_are_what_the_program_takes() -> None:
    settings = load(KUBERNETES / "config.yaml", {})
    assert (settings.privacy.consent, bool(settings.ledger.url), bool(settings.index.url)) == ("required", True, True)
    [api] = [pod["containers"][0] for pod in pods() if "command" not in pod["containers"][0]]
    asked = {api[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe")}
    assert {f"GET {path}" for path in asked} <= set(EVERYBODY)
    assert "httpGet" not in api["livenessProbe"]  # a database that is away is no reason to restart


def test_pods_have_no_rights_and_a_root_that_is_read_only() -> None:
    for pod in pods():
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert str(pod["securityContext"]["runAsUser"]) == USER
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        assert pod["automountServiceAccountToken"] is False


# --- every night ------------------------------------------------------------------------------------------------------


def nightly() -> str:
    return str(compose("compose.yaml")["services"]["nightly"]["command"][-1]).replace("$$", "$")


def jobs() -> list[str]:
    """The scripts of the CronJobs: the backup's and the reindex's."""
    return [pod["containers"][0]["command"][-1] for pod in pods() if "command" in pod["containers"][0]]


def run(script: str, folder: Path, *, codes: str = "0", now: str = "03:00") -> tuple[int, list[str]]:
    """How a script ends and what it calls, where the program ends with one code after the other and then with the last
    of them, the day is the first of December, and a second night does not come.
    """
    here, log = folder / "bin", folder / "log"
    here.mkdir(parents=True)
    programs = {
        "rag-flywheel": f"""echo "$1" >> {log}; read -r code rest < {folder}/codes
            [ -z "$rest" ] || echo "$rest" > {folder}/codes; exit "$code" """,
        "sleep": f'echo "sleep $1" >> {log}; ! grep -q reindex {log}',
        "date": f"""case $1 in
            --date=*) exec /bin/date --utc --date="2026-12-01 ${{1#--date=}}" "$2" ;;
            *) exec /bin/date --utc --date="2026-12-01 {now}" "$1" ;;
            esac""",
    }
    for name, does in programs.items():
        (here / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (here / name).chmod(0o700)
    (folder / "codes").write_text(f"{codes}\n", encoding="utf-8")
    done = subprocess.run(["sh", "-c", script], env={"PATH": f"{here}:/usr/bin:/bin"}, timeout=60, check=False)
    return done.returncode, log.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("now", "seconds"), [("00:30", 7_200), ("02:29", 60), ("02:31", 86_340), ("23:30", 10_800)])
def test_the_nightly_service_begins_with_the_next_half_past_two(tmp_path: Path, now: str, seconds: int) -> None:
    """Also in a container that was started after midnight."""
    _, called = run(nightly(), tmp_path, now=now)
    assert called == [f"sleep {seconds}", "backup", "sleep 1800", "reindex", f"sleep {seconds}"]


def test_a_backup_or_reindex_that_meets_another_run_is_tried_again(tmp_path: Path) -> None:
    _, called = run(nightly(), tmp_path / "compose", codes="6 6 0 6 3")
    assert called[1:-1] == [
        *["backup", "sleep 600"] * 2, "backup", "sleep 1800", "reindex", "sleep 600", "reindex",
    ]  # fmt: skip
    backup, reindex = jobs()
    assert run(backup, tmp_path / "backup", codes="6 6 0") == (0, [*["backup", "sleep 600"] * 2, "backup"])
    assert run(reindex, tmp_path / "reindex", codes="6 3") == (0, ["reindex", "sleep 600", "reindex"])


@pytest.mark.parametrize(("number", "name"), [(0, "backup"), (1, "reindex")])
def test_a_nightly_job_fails_at_once_with_any_other_error_and_at_last_with_this_one(
    tmp_path: Path, number: int, name: str
) -> None:
    assert run(jobs()[number], tmp_path / "damaged", codes="8") == (8, [name])
    assert run(jobs()[number], tmp_path / "busy", codes="6") == (6, [name, "sleep 600"] * 24)


def test_timers_that_start_at_once_lose_neither_the_backup_nor_the_reindex() -> None:
    """As after a night that the machine was off: the reindex waits for the backup, and either one is tried again."""
    backup, reindex = (text(f"systemd/rag-flywheel-{name}.service") for name in ("backup", "reindex"))
    assert re.search(r"^After=.*\brag-flywheel-backup\.service\b", reindex, re.MULTILINE)
    for unit in (backup, reindex):
        assert {"Restart=on-failure", "RestartSec=10min", "StartLimitBurst=24"} <= set(unit.splitlines())
        spared = re.findall(r"^(?:RestartPrevent|Success)ExitStatus=(.*)$", unit, re.MULTILINE)
        assert not {"6", "7"} & set(" ".join(spared).split())


def test_cron_reindexes_after_the_backup_and_not_beside_it() -> None:
    [line] = [line for line in text("crontab").splitlines() if "rag-flywheel" in line and not line.startswith("#")]
    calls = [_arguments(part) for part in line.split("; ")]
    assert [_parse(arguments) for arguments in calls if arguments] == ["backup", "reindex"]


def test_what_nightly_jobs_call_is_a_command() -> None:
    scripts = [nightly(), *jobs()]
    called = [found for script in scripts for line in script.splitlines() if (found := _arguments(line.strip()))]
    assert sorted(_parse(arguments) for arguments in called) == ["backup", "backup", "reindex", "reindex"]
