"""Runs the revisions on the database that DATABASE_URL names."""
import os

from alembic import context
from sqlalchemy import create_engine, pool

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}


def url() -> str:
    """The address as SQLAlchemy wants it, however the container was told."""
    scheme, _, rest = os.environ["DATABASE_URL"].partition(":")
    if scheme == "sqlite":
        return f"sqlite:///{rest.removeprefix('//')}"
    return f"{DRIVERS.get(scheme, scheme)}:{rest}"


def run_migrations_offline() -> None:
    context.configure(url=url(), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online() -> None:
    with create_engine(url(), poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
