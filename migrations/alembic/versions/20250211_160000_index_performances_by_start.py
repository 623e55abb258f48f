"""index performances by start

The programme is read all day: build the index without stopping the sale.

Revision ID: 2f6610a8d3c9
Revises: 07d2b1e94f35, e9840c5f6b1a
Create Date: 2025-02-11 16:00:00

"""
from typing import Sequence, Union

from alembic import op

revision: str = "2f6610a8d3c9"
down_revision: Union[str, Sequence[str], None] = ("07d2b1e94f35", "e9840c5f6b1a")
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("performance_by_start", "performance", ["starts_at", "venue_id"], postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("performance_by_start", table_name="performance")
