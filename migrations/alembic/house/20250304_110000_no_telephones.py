"""no telephones

Revision ID: 6c1f3387be05
Revises: 90ab44f1c6e2
Create Date: 2025-03-04 11:00:00

"""
from alembic import op

revision = "6c1f3387be05"
down_revision = ("90ab44f1c6e2",)
branch_labels = ()
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO house_rule (venue_id, position, rule) VALUES (2, 2, 'Téléphones éteints; merci')")


def downgrade() -> None:
    op.execute("DELETE FROM house_rule WHERE venue_id = 2 AND position = 2")
