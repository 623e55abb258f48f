"""Where Alembic finds the database: DATABASE_URL, which castoff sets for it."""

import logging
import os

from alembic import context
from sqlalchemy import create_engine, make_url, pool

logging.basicConfig(format="%(levelname)s %(message)s")
logging.getLogger("alembic").setLevel(logging.INFO)

# The engine gets the URL itself: in alembic.ini the `%` of an encoded password would have to be doubled.
url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")

with create_engine(url, poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
