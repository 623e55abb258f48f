"""count seats sold

Revision ID: 07d2b1e94f35
Revises: c41e7788a6d0
Create Date: 2025-01-14 14:00:00

"""
from alembic import op; import sqlalchemy as sa

revision: str = "07d2b1e94f35"; down_revision: str | None = "c41e7788a6d0"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("performance", sa.Column("seats_sold", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        f"""
        UPDATE performance SET seats_sold = COALESCE((
            SELECT SUM(seats) FROM booking
            WHERE booking.performance_id = performance.id AND state <> {"'cancelled'"}
        ), 0)
        """
    )


def downgrade() -> None:
    op.drop_column("performance", "seats_sold")
