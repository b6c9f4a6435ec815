"""The rules that Dockerfiles and compose files keep."""

import re

import pytest
import yaml
from packaging.requirements import Requirement

from scripts import check_wheels, compose_settings
from whisperengine.config import table

DOCKERFILES = ("Dockerfile", "cdl-web-ui/Dockerfile")
COMPOSE = compose_settings.FILES
SECRETS = [variable.name for _, variable, _ in table() if variable.secret]


def instructions(text):
    """(instruction, rest) of a Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n(?:\s*#.*\n)*", "", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def stages(text):
    found = []
    for word, rest in instructions(text):
        if word == "FROM":
            found.append((rest, []))
        elif found:
            found[-1][1].append((word, rest))
    return found


def compose(repository, name):
    return yaml.safe_load((repository / name).read_text())


@pytest.fixture(params=DOCKERFILES)
def dockerfile(request, repository):
    return (repository / request.param).read_text()


@pytest.fixture(params=COMPOSE)
def services(request, repository):
    return compose(repository, request.param)["services"]


def test_every_base_is_a_build_argument_with_a_fixed_default(dockerfile):
    defaults = dict(rest.split("=", 1) for word, rest in instructions(dockerfile) if word == "ARG" and "=" in rest)
    names = {rest.rpartition(" AS ")[2] for rest, _ in stages(dockerfile) if " AS " in rest}
    for base, _ in stages(dockerfile):
        image = base.partition(" AS ")[0]
        if image in names or image == "models-${EMOTION}":
            continue
        argument = re.fullmatch(r"\$\{(\w+)\}", image)
        assert argument, f"{image} is no build argument"
        default = defaults[argument[1]]
        assert ":" in default, default
        assert not default.endswith(":latest"), default


def test_no_secret_can_be_baked_into_a_layer(dockerfile):
    arguments = {rest.partition("=")[0] for word, rest in instructions(dockerfile) if word in ("ARG", "ENV")}
    assert not arguments & set(SECRETS)
    assert not [rest for word, rest in instructions(dockerfile) if re.search(r"(?i)password|token=|api_key", rest)]


def test_the_last_stage_runs_as_a_numbered_user_and_checks_its_health(dockerfile):
    last = dict(stages(dockerfile)[-1][1])
    assert last["USER"] == "1001:1001"
    assert {"HEALTHCHECK", "EXPOSE", "ENTRYPOINT", "STOPSIGNAL", "LABEL"} <= last.keys()
    after = [word for word, _ in stages(dockerfile)[-1][1]]
    assert "RUN" not in after[after.index("USER") :]


def test_the_last_stage_holds_no_compiler_no_torch_and_no_node(repository):
    last = "\n".join(rest for _, rest in stages((repository / "Dockerfile").read_text())[-1][1])
    assert not re.search(r"gcc|build-essential|torch|node|npm|pip install", last)


def test_what_an_image_copies_is_let_in_by_the_ignore_file(repository):
    allowed = {line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = set()
    for _, steps in stages((repository / "Dockerfile").read_text()):
        for word, rest in steps:
            if word == "COPY" and not rest.startswith("--from"):
                copied |= {source.split("/")[0] for source in rest.split()[:-1]}
    assert copied == allowed
    assert all((repository / name).exists() for name in copied)


def test_the_ignore_files_keep_settings_out(repository):
    assert "**/.env*" in (repository / ".dockerignore").read_text().splitlines()
    assert ".env*" in (repository / "cdl-web-ui/.dockerignore").read_text().splitlines()


def test_the_settings_of_the_compose_files_are_written_from_the_table(repository):
    for name in COMPOSE:
        text = (repository / name).read_text()
        assert text == compose_settings.filled(text), "run scripts/compose_settings.py"


def test_the_compose_files_need_no_environment(repository):
    for name in COMPOSE:
        text = re.sub(r"(?m)#.*$", "", (repository / name).read_text()).replace("$$", "")
        assert not re.search(r"\$\{\w+\}|\$\{\w+:?\?|\$\w", text), name


def test_every_service_is_held_within_bounds(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["mem_limit"], name
        assert service["cpus"], name
        assert "/tmp" in service["tmpfs"], name
        assert not service["image"].endswith(":latest"), name


def test_nothing_is_published_beyond_loopback_by_default(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert "postgres" not in published
    assert published
    for ports in published.values():
        assert all(port.startswith("${WHISPERENGINE_BIND:-127.0.0.1}:") for port in ports)


def test_the_service_waits_for_migrations_and_they_for_a_healthy_database(services):
    assert services["db-migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["db-migrate"]["restart"] == "no"
    waiting = [
        name
        for name, service in services.items()
        if service.get("depends_on") == {"db-migrate": {"condition": "service_completed_successfully"}}
    ]
    assert len(waiting) == 1
    assert services[waiting[0]]["image"] == services["db-migrate"]["image"]


def test_no_password_stands_in_a_compose_file(repository, services):
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert name not in SECRETS or value == f"${{{name}:-}}", name


def test_the_quick_start_keeps_the_names_and_ports_of_the_first_release(repository):
    services = compose(repository, "docker-compose.quickstart.yml")["services"]
    assert set(services) == {"postgres", "db-migrate", "whisperengine-assistant", "cdl-web-ui"}
    assert [port.rpartition("}:")[2] for port in services["whisperengine-assistant"]["ports"]] == ["9090:9090"]
    assert [port.rpartition("}:")[2] for port in services["cdl-web-ui"]["ports"]] == ["3001:3000"]
    assert services["whisperengine-assistant"]["extra_hosts"] == ["host.docker.internal:host-gateway"]


def test_the_images_of_the_compose_files_are_of_this_version(repository):
    version = re.search(r'(?m)^version = "(.+)"$', (repository / "pyproject.toml").read_text())[1]
    for name in COMPOSE:
        tags = re.findall(r"WHISPERENGINE_VERSION:-([^}]+)}", (repository / name).read_text())
        assert set(tags) == {version}


def test_the_exact_versions_of_the_image_are_ones_that_the_project_allows(repository):
    pinned = dict(
        line.split("==")
        for line in (repository / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    assert sorted(pinned) == list(pinned)
    for text in check_wheels.requirements():
        requirement = Requirement(text)
        assert pinned[requirement.name] in requirement.specifier, f"{text}: run scripts/check_wheels.py --write"


@pytest.mark.parametrize("lock", [check_wheels.LOCK, check_wheels.BUILD_LOCK])
def test_a_lock_names_the_wheel_of_each_package_by_its_hash(lock):
    lines = lock.read_text().replace(" \\\n", "").splitlines()[1:]
    assert len(lines) == len(check_wheels.pins(lock))
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( +--hash=sha256:[0-9a-f]{64}){1,2}", line), line


def test_the_locks_hold_the_exact_versions_and_what_builds_the_wheel():
    assert check_wheels.pins(check_wheels.LOCK) == check_wheels.pins(check_wheels.CONSTRAINTS)
    pinned = check_wheels.pins(check_wheels.BUILD_LOCK)
    for text in check_wheels.build_requirements():
        requirement = Requirement(text)
        assert pinned[requirement.name] in requirement.specifier, f"{text}: run scripts/check_wheels.py --write"


def test_an_image_installs_from_the_network_only_what_its_locks_name(repository):
    steps = [
        rest for _, words in stages((repository / "Dockerfile").read_text()) for word, rest in words if word == "RUN"
    ]
    commands = [command for rest in steps for command in re.findall(r"pip (?:install|wheel) [^&;]+", rest)]
    locked = {name for each in commands for name in re.findall(r"--require-hashes --requirement (\S+)$", each.strip())}
    assert locked == {check_wheels.LOCK.name, check_wheels.BUILD_LOCK.name}
    for command in commands:
        assert re.search(r"--require-hashes|LOCKED:\+--no-(deps|build-isolation)\}|\$\{TORCH\}", command), command


def test_the_wheels_are_checked_for_the_images_python(repository):
    assert f"python:{check_wheels.image_python()}-" in (repository / "Dockerfile").read_text()
