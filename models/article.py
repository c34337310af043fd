"""The knowledge base: articles, each with every version that was ever published."""

from tortoise import fields
from tortoise.models import Model


class Article(Model):
    """An article by its slug, with its latest version's title, tags, words and author.

    `words` are the title and the text, case-folded, so that both databases find them alike.
    """

    id = fields.BigIntField(primary_key=True)
    slug = fields.CharField(max_length=200, unique=True)
    title = fields.CharField(max_length=200)
    tags = fields.JSONField[list[str]]()
    text = fields.TextField()
    words = fields.TextField()
    version = fields.IntField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField(db_index=True)
    updated_by = fields.CharField(max_length=200)

    class Meta:
        table = "article"


class ArticleVersion(Model):
    """What an article once was. `body` is Markdown, `pictures` are the files that it shows, by their names there.

    The job that published it did so once, however often it was tried.
    """

    id = fields.BigIntField(primary_key=True)
    article_id = fields.BigIntField()
    number = fields.IntField()
    title = fields.CharField(max_length=200)
    tags = fields.JSONField[list[str]]()
    body = fields.TextField()
    pictures = fields.JSONField[dict[str, str]]()
    job_id = fields.BigIntField(unique=True)
    created_by = fields.CharField(max_length=200)
    created_at = fields.DatetimeField()

    class Meta:
        table = "article_version"
        unique_together = (("article_id", "number"),)
