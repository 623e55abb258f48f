"""one hold per evening

Revision ID: e9840c5f6b1a
Revises: c41e7788a6d0
Create Date: 2025-02-03 08:00:00

"""
from typing import Sequence, Union

import sqlalchemy as sa
from alembic import op

revision: str = "e9840c5f6b1a"
down_revision: Union[str, Sequence[str], None] = (
    # Side by side with the counting of seats; merged further up.
    "c41e" "7788a6d0"
)
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.add_column("booking", sa.Column("held_until", sa.DateTime()))
    op.execute("UPDATE booking SET held_until = '2025-01-10 11:30:00' WHERE state = 'held'")
    with op.batch_alter_table("booking") as booking:
        booking.create_check_constraint("booking_hold_ends", "state <> 'held' OR held_until IS NOT NULL")


def downgrade() -> None:
    with op.batch_alter_table("booking") as booking:
        booking.drop_constraint("booking_hold_ends", type_="check")
        booking.drop_column("held_until")
