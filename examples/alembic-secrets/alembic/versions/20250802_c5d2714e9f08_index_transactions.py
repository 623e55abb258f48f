"""index transactions, without keeping the running application from writing"""

from alembic import op

revision = "c5d2714e9f08"
down_revision = "8b64e0f31ac5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "transactions_by_account",
            "transactions",
            ["account_id", "booked_on"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("transactions_by_account", "transactions", postgresql_concurrently=True)
