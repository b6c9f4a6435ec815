"""A module imports from its own package and from lower floors only."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "whisperengine"

FLOORS = [
    {"errors"},
    {"dotenv", "logs", "variables"},
    {"endpoints"},
    {"config"},
    {"db", "inference", "llm"},
    {"settings"},
    {"emotion"},
    {"characters", "memory"},
    {"learning"},
    {"chat"},
    {"api", "discord"},
    {"app"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("whisperengine."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "whisperengine":
            found |= {alias.name for alias in node.names if alias.name in FLOOR}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("whisperengine.")}
    return found


def test_every_module_stands_on_a_floor():
    parts = {
        p.stem if p.suffix else p.name for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert parts - {"__init__"} <= set(FLOOR)


def test_a_module_imports_only_from_its_own_package_or_lower_floors():
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        wrong += [
            f"{path.relative_to(PACKAGE)} imports {name}"
            for name in imports(path)
            if name != own and FLOOR[name] >= FLOOR[own]
        ]
    assert not wrong


def test_no_module_reads_the_environment_for_settings_but_config():
    readers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "os.getenv" in path.read_text() or "environ[" in path.read_text() or "environ.get(" in path.read_text()
    }
    assert {name for name in readers if not name.startswith("config/")} == set()
