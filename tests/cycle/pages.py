"""A few pages for whole cycles, a question that they do not answer, and a project that has indexed them."""

from pathlib import Path

import pytest

from tests.cycle.project import Project

PAGES = {
    "boiler.md": """# The boiler

## Lighting the boiler

Turn the gas tap to the left. Hold the ignition button for ten seconds until the flame stays lit.

## Setting the water temperature

The dial on the front sets the water temperature between 40 and 70 degrees Celsius.

## Draining the boiler

Close the inlet valve, connect a hose to the drain cock and open it until no more water comes.
""",
    "pump.md": """# The heat pump

## Defrosting

The outdoor unit defrosts by itself every ninety minutes in frosty weather. Steam is normal while it does.

## Cleaning the filter

Pull the filter out of the indoor unit, rinse it under cold water and let it dry for a day.

## Noise at night

The silent mode lowers the fan speed between ten in the evening and six in the morning.
""",
    "warranty.txt": "The warranty lasts five years from the day of purchase. Keep the receipt as a proof.\n",
}
ASKED = "Which refrigerant does the heat pump contain?"
REWORDED = "What refrigerant is inside the heat pump?"
ANSWER = "It contains R290, which is propane: 1.2 kilograms of it."


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The pages' first version is live. For all tests of the session: take a copy."""
    made = Project(folder=tmp_path_factory.mktemp("indexed"))
    for name, text in PAGES.items():
        made.write(f"pages/{name}", text)
    made.write("config.yaml", "sources: [pages]\ngolden: ''\n")
    first = made.run("reindex")
    assert first["decision"] == "promoted", first["reasons"]
    return made


@pytest.fixture
def project(indexed: Project, tmp_path: Path) -> Project:
    """A copy of the session's indexed project."""
    return indexed.copy(tmp_path)
