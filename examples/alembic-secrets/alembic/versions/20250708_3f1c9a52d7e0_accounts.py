"""accounts"""

import sqlalchemy as sa
from alembic import op

revision = "3f1c9a52d7e0"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("opened_on", sa.Date, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("accounts")
