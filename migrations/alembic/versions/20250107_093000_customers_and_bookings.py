"""customers and bookings

Revision ID: c41e7788a6d0
Revises: 5b3a9f0c1d72
Create Date: 2025-01-07 09:30:00

"""
import sqlalchemy as sa
from alembic import op

# Written in the style of older templates.
revision = 'c41e7788a6d0'
down_revision = '5b3a9f0c1d72'
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# What the box office really wrote.
NOTES = """wheelchair; aisle seat -- call before 18:00
revision = 'this is a note'
down_revision = 'so is this'"""


def upgrade():
    customer = op.create_table(
        "customer",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("email", sa.String(200), nullable=False, unique=True),
        mysql_charset="utf8mb4",
    )
    booking = op.create_table(
        "booking",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("customer_id", KEY, sa.ForeignKey("customer.id", name="booking_customer"), nullable=False),
        sa.Column("performance_id", KEY, sa.ForeignKey("performance.id", name="booking_performance"), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False, server_default="held"),
        sa.Column("note", sa.Text()),
        mysql_charset="utf8mb4",
    )
    op.bulk_insert(
        customer,
        [
            {"name": "Ana Petrović", "email": "ana@example.org"},
            {"name": "Seán Ó Briain", "email": "sean@example.org"},
            {"name": "O'Hara; Scarlett", "email": "scarlett@example.org"},
        ],
    )
    op.bulk_insert(
        booking,
        [
            {"customer_id": 1, "performance_id": 1, "seats": 2, "state": "paid", "note": NOTES},
            {"customer_id": 2, "performance_id": 1, "seats": 4, "state": "held", "note": None},
            {"customer_id": 3, "performance_id": 2, "seats": 1, "state": "cancelled", "note": "another day /* she said */"},
            {"customer_id": 2, "performance_id": 3, "seats": 2, "state": "paid", "note": 'says "it\'s fine"; 100 % sure'},
        ],
    )


def downgrade():
    op.drop_table("booking")
    op.drop_table("customer")
