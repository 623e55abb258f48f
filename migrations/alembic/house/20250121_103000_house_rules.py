"""house rules

What is printed on the back of a ticket. A line of its own, kept beside the sale's.

Revision ID: 90ab44f1c6e2
Revises:
Create Date: 2025-01-21 10:30:00

"""
import sqlalchemy as sa
from alembic import op

revision = "90ab44f1c6e2"
down_revision = None
branch_labels = ["house"]
depends_on = ["5b3a9f0c1d72"]

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    rule = op.create_table(
        "house_rule",
        sa.Column("venue_id", KEY, sa.ForeignKey("venue.id", name="house_rule_venue"), primary_key=True),
        sa.Column("position", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("rule", sa.Text(), nullable=False),
        mysql_charset="utf8mb4",
    )
    op.bulk_insert(
        rule,
        [
            {"venue_id": 1, "position": 1, "rule": "No admission after the bell; no refunds -- no exceptions."},
            {"venue_id": 1, "position": 2, "rule": "Coats ('Garderobe') 2 €; umbrellas free 🌂"},
            {"venue_id": 2, "position": 1, "rule": "Le bar ferme à minuit;\n-- sauf le dimanche"},
            {"venue_id": 3, "position": 1, "rule": "靴を脱いでください; -- 土足厳禁"},
        ],
    )


def downgrade() -> None:
    op.drop_table("house_rule")
