"""compose.yaml and kubernetes.yaml: what they name is what the program knows."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # its types would be one more package, for this test alone

import main
from engine.settings import PREFIX, Settings
from tests.support.server import ROOT

COMPOSE, KUBERNETES = ROOT / "compose.yaml", ROOT / "docs" / "kubernetes.yaml"
REGISTRY = re.compile(r"^[^/]+[.:][^/]*/")  # a host's name before the first slash


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member of every mapping, however deep, with its name."""
    for name, member in value.items() if isinstance(value, dict) else ():
        yield name, member
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(member)


def services() -> dict[str, dict[str, Any]]:
    (compose,) = documents(COMPOSE)
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """The pod of each deployment, by the deployment's name."""
    deployments = [document for document in documents(KUBERNETES) if document["kind"] == "Deployment"]
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in deployments}


def commands() -> list[list[str]]:
    """What the containers are started with, or asked by."""
    started = [service.get("command") for service in services().values()]
    asked = [service["healthcheck"].get("test", [])[1:] for service in services().values()]
    pods = [member for document in documents(KUBERNETES) for name, member in inside(document) if name == "command"]
    return [command for command in [*started, *asked, *pods] if command and "python" in " ".join(command)]


@pytest.mark.parametrize("file", [COMPOSE, KUBERNETES], ids=lambda file: str(file.name))
def test_every_setting_that_a_file_names_is_one(file: Path) -> None:
    named = set(re.findall(rf"{PREFIX}(\w+)", file.read_text()))
    assert "DATABASE_URL" in named
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_command_is_one_that_the_program_knows() -> None:
    told = [" ".join(command) for command in commands()]
    words = [word for command in told for word in re.findall(r"main\.py (\S+)", command)]
    modules = [word for command in told for word in re.findall(r"-m (\S+)", command)]
    assert sorted(words) == ["migrate-database", "worker", "worker"]
    assert all(re.search(rf"[\[|] ?{word} ", main.USAGE) for word in words)
    assert set(modules) == {"engine.alive"}
    assert all(map(importlib.util.find_spec, modules))


def test_images_come_from_nowhere_in_particular() -> None:
    images = [member for file in (COMPOSE, KUBERNETES) for name, member in inside(documents(file)) if name == "image"]
    assert set(images) == {"job-runner", "postgres:17"}
    assert not [image for image in images if REGISTRY.match(image)]


def test_compose_asks_for_the_password_and_has_none() -> None:
    values = [value for service in services().values() for value in service["environment"].values()]
    assert [value for value in values if "${POSTGRES_PASSWORD:?" in str(value)]
    assert all("${" in str(value) for name, value in inside(services()) if "PASSWORD" in name)
    assert not re.search(r"job_runner:[^$]", str(services()["web"]["environment"]))


def test_compose_starts_two_workers_once_the_database_and_the_pages_are_healthy() -> None:
    web, worker = services()["web"], services()["worker"]
    assert worker["deploy"] == {"replicas": 2}
    assert web["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert worker["depends_on"] == {name: {"condition": "service_healthy"} for name in ("database", "web")}
    assert web["volumes"] == worker["volumes"] == ["data:/data"]
    assert all("test" in services()[name]["healthcheck"] for name in ("web", "worker", "database"))


def test_whoever_stops_a_container_waits_longer_than_its_drain() -> None:
    drain = services()["web"]["environment"]["JOB_RUNNER_DRAIN_SECONDS"]
    for name in ("web", "worker"):
        assert int(services()[name]["stop_grace_period"].removesuffix("s")) > drain + main.GRACEFUL_SECONDS
    for pod in pods().values():
        (container,) = pod["containers"]
        (drain,) = [each["value"] for each in container["env"] if each["name"] == "JOB_RUNNER_DRAIN_SECONDS"]
        assert pod["terminationGracePeriodSeconds"] > int(drain) + main.GRACEFUL_SECONDS


def test_kubernetes_asks_the_pages_and_the_workers_how_they_are() -> None:
    web, worker = (pod["containers"][0] for pod in pods().values())
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert worker["livenessProbe"]["exec"]["command"] == ["python", "-m", "engine.alive"]
    replicas = [each["spec"]["replicas"] for each in documents(KUBERNETES) if each["kind"] == "Deployment"]
    assert replicas == [1, 2]


def test_a_service_of_that_name_does_not_change_the_port() -> None:
    names = {document["metadata"]["name"] for document in documents(KUBERNETES) if document["kind"] == "Service"}
    assert names == {"job-runner"}  # for which Kubernetes would set JOB_RUNNER_PORT
    assert all(pod["enableServiceLinks"] is False for pod in pods().values())


def test_what_a_pod_refers_to_is_there() -> None:
    claims = {each["metadata"]["name"] for each in documents(KUBERNETES) if each["kind"] == "PersistentVolumeClaim"}
    for pod in pods().values():
        (container,) = pod["containers"]
        claimed = [volume["persistentVolumeClaim"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
        assert {claim["claimName"] for claim in claimed} <= claims
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    keys = set(re.findall(r"--from-literal=([\w-]+)", KUBERNETES.read_text()))
    assert {member["key"] for name, member in inside(documents(KUBERNETES)) if name == "secretKeyRef"} == keys


def test_containers_can_write_nothing_but_their_data_and_have_no_capabilities() -> None:
    ours = [service for service in services().values() if service.get("image") == "job-runner"]
    assert len(ours) == 3
    for service in ours:
        assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
        assert service["security_opt"] == ["no-new-privileges:true"]
    for pod in pods().values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
