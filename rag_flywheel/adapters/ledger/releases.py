"""What was published of sensitive counts, as rows. One transaction looks at what is spent and spends."""

from sqlalchemy import select, text

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.adapters.ledger.engine import is_sqlite
from rag_flywheel.domain.releases import Release, affordable
from rag_flywheel.errors import too_dear
from rag_flywheel.ports.ledger import Releases


class SqlReleases(InDatabase, Releases):
    def releases(self, *, month: str | None = None) -> list[Release]:
        rows = tables.releases.c
        wanted = select(rows.body).order_by(rows.sequence)
        if month is not None:
            wanted = wanted.where(rows.month == month)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def spend(self, release: Release, *, epsilon: float, delta: float) -> Release:
        with self._database.write() as connection:
            if not is_sqlite(self._database.url):  # which has one writer at a time
                connection.execute(text("LOCK TABLE releases IN SHARE ROW EXCLUSIVE MODE"))
            made = self.releases(month=release.month)
            for before in made:
                if before.measure is release.measure:
                    return before
            if not affordable(made, (release.epsilon, release.delta), (epsilon, delta)):
                raise too_dear(release.month)
            row = {"month": release.month, "measure": release.measure, "at": release.at, "body": release}
            self._database.append(tables.releases, row, what=f"release {release.measure} {release.month}")
            return release
