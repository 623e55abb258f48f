"""ticket codes

What the scanner at the door reads: BO-<evening>-<booking>.

Revision ID: b7d05e2c9a48
Revises: 2f6610a8d3c9
Create Date: 2025-02-25 09:30:00

"""
from typing import Sequence, Union

import sqlalchemy as sa
from alembic import op

revision: str = "b7d05e2c9a48"
down_revision: Union[str, Sequence[str], None] = "2f6610a8d3c9"
branch_labels: Union[str, Sequence[str], None] = None
# The rules are printed on the back of the ticket.
depends_on: Union[str, Sequence[str], None] = "house"


def upgrade() -> None:
    op.add_column("booking", sa.Column("code", sa.String(40)))
    booking = sa.table("booking", sa.column("id", sa.Integer), sa.column("performance_id", sa.Integer), sa.column("code"))
    connection = op.get_bind()
    for id, performance_id in connection.execute(sa.select(booking.c.id, booking.c.performance_id)).all():
        code = f"BO-{performance_id}-{id}"
        connection.execute(booking.update().where(booking.c.id == id).values(code=code))
    with op.batch_alter_table("booking") as batch:
        batch.create_unique_constraint("booking_code_unique", ["code"])


def downgrade() -> None:
    with op.batch_alter_table("booking") as batch:
        batch.drop_constraint("booking_code_unique", type_="unique")
        batch.drop_column("code")
