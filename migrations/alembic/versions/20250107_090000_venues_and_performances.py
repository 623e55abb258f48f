"""venues and performances

The box office of a few small theatres. Every later file builds on this one.

Revision ID: 5b3a9f0c1d72
Revises:
Create Date: 2025-01-07 09:00:00

"""
from datetime import date, datetime
from typing import Sequence, Union

import sqlalchemy as sa
from alembic import op

# revision identifiers, used by Alembic.
revision: str = "5b3a9f0c1d72"
down_revision: Union[str, Sequence[str], None] = None
branch_labels: Union[str, Sequence[str], None] = ("sale",)
depends_on: Union[str, Sequence[str], None] = None

# SQLite counts up only an INTEGER key.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    venue = op.create_table(
        "venue",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("opened_on", sa.Date()),
        sa.CheckConstraint("seats > 0", name="venue_has_seats"),
        mysql_charset="utf8mb4",
    )
    performance = op.create_table(
        "performance",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("venue_id", KEY, sa.ForeignKey("venue.id", name="performance_venue"), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("starts_at", sa.DateTime(), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=False),
        sa.UniqueConstraint("venue_id", "starts_at", name="performance_one_at_a_time"),
        mysql_charset="utf8mb4",
    )
    op.bulk_insert(
        venue,
        [
            {"name": "Kammerspiele", "seats": 180, "opened_on": date(1911, 6, 28)},
            {"name": "Théâtre du Port", "seats": 96, "opened_on": date(1987, 9, 1)},
            {"name": "第二倉庫", "seats": 40, "opened_on": None},
        ],
    )
    op.bulk_insert(
        performance,
        [
            {"venue_id": 1, "title": "Der zerbrochne Krug", "starts_at": datetime(2025, 2, 14, 18, 30), "price_cents": 2800},
            {"venue_id": 1, "title": "Der zerbrochne Krug", "starts_at": datetime(2025, 2, 15, 18, 30), "price_cents": 2800},
            {"venue_id": 2, "title": "La Mouette", "starts_at": datetime(2025, 2, 14, 19, 0), "price_cents": 2400},
            {"venue_id": 3, "title": "近松心中物語", "starts_at": datetime(2025, 3, 1, 9, 0), "price_cents": 1900},
        ],
    )


def downgrade() -> None:
    op.drop_table("performance")
    op.drop_table("venue")
