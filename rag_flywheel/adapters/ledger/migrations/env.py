"""What Alembic runs for a command: the connection comes from `engine.migrate`, already in a transaction."""

from alembic import context

from rag_flywheel.adapters.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
