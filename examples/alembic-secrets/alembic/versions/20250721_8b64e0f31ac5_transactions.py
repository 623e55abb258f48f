"""transactions"""

import sqlalchemy as sa
from alembic import op

revision = "8b64e0f31ac5"
down_revision = "3f1c9a52d7e0"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("amount", sa.Numeric(14, 2), nullable=False),
        sa.Column("booked_on", sa.Date, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("transactions")
