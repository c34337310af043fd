"""A place for the maintained counts."""

from tortoise import migrations


class Migration(migrations.Migration):
    dependencies = [("models", "0013_budgets")]

    operations = []
