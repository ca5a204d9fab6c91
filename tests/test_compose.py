"""Does docker-compose.yaml fit the package, the repository and itself?"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from airflow_bucketsync.configuration.section import allowed_locations, manual_options, workspace_location
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.gate import Gate
from airflow_bucketsync.hooks.store import open_store
from airflow_bucketsync.provider_info import get_provider_info

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docker-compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
ONE_SHOT = {"sample", "migrate"}
REQUIRED = re.compile(r"\$\{(\w+):\?")
USED = re.compile(r"(?<!\$)\$\{(\w+)")
SETTING = re.compile(r"AIRFLOW__BUCKETSYNC__(\w+)")


def environment(service: str) -> dict[str, str]:
    """The environment of a service."""
    return SERVICES[service].get("environment", {})


def airflow_services() -> list[str]:
    """Services that run our image, the sample apart."""
    return [name for name, service in SERVICES.items() if service["image"] == COMPOSE["x-airflow"]["image"]]


def test_whole_airflow_is_there():
    commands = {name: str(service.get("command", "")) for name, service in SERVICES.items()}
    for component in ("api-server", "scheduler", "dag-processor", "triggerer", "celery worker", "db migrate"):
        assert any(component in command for command in commands.values()), component
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert {"postgres", "redis", "store"} <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_image_is_pinned(name):
    image = SERVICES[name]["image"]
    tag = image.rpartition(":")[2]
    assert ":" in image
    assert tag != "latest"
    if image == COMPOSE["x-airflow"]["image"]:
        assert (ROOT / SERVICES[name]["build"] / "Dockerfile").is_file()


def test_image_holds_the_tested_airflow():
    version = re.search(r"^ARG AIRFLOW_VERSION=(\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert version is not None
    assert f"\napache-airflow=={version[1]}\n" in (ROOT / "constraints.txt").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_health_or_one_shot(name):
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        assert "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_waits_for_what_can_happen(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": expected}, other


def test_starts_do_not_wait_for_each_other():
    left = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while left:
        ready = {name for name, waits in left.items() if not waits & left.keys()}
        assert ready, f"a circle among {sorted(left)}"
        left = {name: waits for name, waits in left.items() if name not in ready}


def test_settings_exist_in_the_package():
    options = get_provider_info()["config"]["bucketsync"]["options"]
    used = {match.lower() for match in SETTING.findall(TEXT)}
    assert {"workspace", "allowed_locations"} <= used <= set(options)


@pytest.mark.parametrize("name", ["api-server", "scheduler", "dag-processor", "triggerer", "worker"])
def test_settings_are_the_same_everywhere(name):
    shared = COMPOSE["x-airflow"]["environment"]
    assert shared.items() <= environment(name).items()


@pytest.fixture
def inside(monkeypatch):
    """The environment of an Airflow service, as compose would make it."""
    for variable, value in COMPOSE["x-airflow"]["environment"].items():
        if variable.startswith(("AIRFLOW_CONN_", "AIRFLOW__BUCKETSYNC__")):
            monkeypatch.setenv(variable, re.sub(r"\$\{[^}]*\}", "0123456789abcdef", value))


def test_the_package_reads_settings_and_connections(inside):
    places = (workspace_location(), *allowed_locations())
    assert manual_options()
    assert len(places) == 3
    for place in places:
        assert isinstance(place, Location)
        store = open_store(place, gate=Gate())
        assert store.location == place
        store.close()


def test_connections_lead_to_the_store():
    shared = COMPOSE["x-airflow"]["environment"]
    connections = [json.loads(value) for name, value in shared.items() if name.startswith("AIRFLOW_CONN_")]
    assert len(connections) == 3
    for connection in connections:
        assert connection["login"] == environment("store")["ROOT_ACCESS_KEY"]
        assert connection["extra"]["endpoint_url"] == f"http://store{environment('store')['VGW_PORT']}"


def test_sample_makes_every_bucket_that_is_named():
    command = SERVICES["sample"]["entrypoint"] + SERVICES["sample"]["command"]
    assert (ROOT / "demo" / "sample.py").is_file()
    assert command[:3] == ["python", "-m", "demo.sample"]
    shared = COMPOSE["x-airflow"]["environment"]
    named = set(re.findall(r"@([\w-]+)/", "".join(value for name, value in shared.items() if "BUCKETSYNC" in name)))
    assert named == {"source", "destination", command[command.index("--more-buckets") + 1]}


def test_volumes_exist():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            origin = volume.partition(":")[0]
            if origin.startswith("."):
                assert (ROOT / origin).is_dir(), f"{name}: {origin}"
                assert volume.endswith(":ro"), f"{name}: {volume}"
            else:
                assert origin in COMPOSE["volumes"], f"{name}: {origin}"


def test_published_on_loopback_only():
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_no_secret_is_written_down():
    """Each secret is required from the environment, and the documented block makes them all."""
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD$|SECRET|FERNET|_KEY$", variable) and variable != "ROOT_ACCESS_KEY":
                assert "${" in value, f"{name}: {variable}"
    assert set(USED.findall(TEXT)) == set(REQUIRED.findall(TEXT))


def test_documented_block_makes_every_secret(tmp_path):
    text = (ROOT / "docs" / "docker-compose.md").read_text()
    block = re.search(r"^```sh\n(cat > \.env.*?)^```", text, re.M | re.S)
    assert block is not None
    subprocess.run(["bash", "-euc", block[1]], cwd=tmp_path, check=True)
    made = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert set(made) == set(REQUIRED.findall(TEXT))
    assert all(len(value) >= 24 for value in made.values())
    assert len(set(made.values())) == len(made)
