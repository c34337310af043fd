"""The knowledge base: articles, each with every version that was ever published."""

from tortoise import fields
from tortoise.models import Model


class Article(Model):
    """An article by its slug. Title, tags and `version` are those of its latest version."""

    id = fields.BigIntField(primary_key=True)
    slug = fields.CharField(max_length=200, unique=True)
    title = fields.CharField(max_length=200)
    tags = fields.JSONField[list[str]]()
    version = fields.IntField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "article"


class ArticleVersion(Model):
    """What an article once was. `body` is Markdown, `text` the same in plain words, for the search.

    The job that published it did so once, however often it was tried.
    """

    id = fields.BigIntField(primary_key=True)
    article_id = fields.BigIntField()
    number = fields.IntField()
    title = fields.CharField(max_length=200)
    tags = fields.JSONField[list[str]]()
    body = fields.TextField()
    text = fields.TextField()
    job_id = fields.BigIntField(unique=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "article_version"
        unique_together = (("article_id", "number"),)
