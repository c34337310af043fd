"""EMAIL_SEND: one message to its recipients, through the configured mail server or into the outbox."""

import socket
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from engine import clock
from engine.budgets.ways import MAIL
from engine.channels import outbox, smtp
from engine.channels.mail import Attached, Mail, build, new_message_id
from engine.errors import FieldError, InvalidInput, PermanentError
from engine.jobs.attached import Attachment
from engine.jobs.base import Audience, Context, EffectKind, JobType, Payload, ResultLine
from engine.jobs.fields import SINGLE_LINE, Addresses, TextBlock
from engine.jobs.preview import MailPreview, file_previews
from engine.settings import Settings
from engine.storage import FILES, open_storage
from models.states import Category

TARGET = "mail"
MAX_RECIPIENTS = 100
MAX_ATTACHMENTS = 10
MAX_ATTACHED_BYTES = 15_000_000  # together: encoded they are a third more, and many servers take 25 MB


class EmailPayload(Payload):
    """What a message needs; the body is Markdown."""

    to: Annotated[Addresses, Field(title="Recipient", min_length=1, max_length=MAX_RECIPIENTS)]
    cc: Annotated[Addresses, Field(title="Cc", max_length=MAX_RECIPIENTS)] = []  # noqa: RUF012 (pydantic copies it)
    bcc: Annotated[Addresses, Field(title="Bcc", max_length=MAX_RECIPIENTS)] = []  # noqa: RUF012
    subject: Annotated[str, Field(title="Subject", min_length=1, max_length=300), SINGLE_LINE]
    body: Annotated[
        TextBlock,
        Field(title="Body", min_length=1, max_length=200_000, json_schema_extra={"multiline": True, "draft": "mail"}),
    ]
    attachments: Annotated[
        list[Attachment], Field(title="Attachments", max_length=MAX_ATTACHMENTS, json_schema_extra={"upload": "files"})
    ] = []  # noqa: RUF012


class EmailSend(JobType[EmailPayload]):
    """Sends multipart text and HTML; the Message-ID is stored before the server is spoken to."""

    key = "EMAIL_SEND"
    label = "Send email"
    description = "Send an email through the platform"
    icon = "mail"
    category = Category.TASK
    agent = "Mailer"
    effect = EffectKind.IRREVERSIBLE
    time_limit_seconds = 900  # a server may take ten minutes to answer (RFC 5321, 4.5.3.2.6)
    payload = EmailPayload

    def summary(self, payload: EmailPayload) -> str:
        """First recipient, how many more, and the subject."""
        more = len(payload.to) + len(payload.cc) + len(payload.bcc) - 1
        recipients = f"{payload.to[0]} and {more} more" if more else payload.to[0]
        return f"{recipients} · {payload.subject}"

    def result_line(self, result: dict[str, Any]) -> ResultLine:
        """What the server accepted, and the Message-ID, which a person who confirmed the mail did not give."""
        told = (result.get("message", "Sent"), result.get("message_id"))
        return ResultLine(" · ".join(text for text in told if text))

    def targets(self, payload: EmailPayload) -> tuple[str, ...]:
        """One message, one effect."""
        return (TARGET,)

    def audience(self, payload: EmailPayload) -> Audience:
        """Everybody who gets it, hidden copies too."""
        everybody = {*payload.to, *payload.cc, *payload.bcc}
        domains = frozenset(address.rpartition("@")[2].rstrip(">").lower() for address in everybody)
        return Audience(len(everybody), domains)

    def ways_out(self, payload: EmailPayload) -> frozenset[str]:
        """Mail, and mail to each of the domains."""
        return frozenset({MAIL, *(f"{MAIL}:{domain}" for domain in self.audience(payload).domains)})

    async def preview(self, payload: EmailPayload, settings: Settings) -> MailPreview:
        """The mail as its receivers see it, and whom nobody sees."""
        server = mail_server(settings)
        return MailPreview(
            sender=sender_address(settings),
            to=tuple(payload.to),
            cc=tuple(payload.cc),
            bcc=tuple(payload.bcc),
            recipients=self.audience(payload).recipients,
            server=server.host if server else None,
            subject=payload.subject,
            body=payload.body,
            attachments=await file_previews(payload.attachments, settings),
        )

    async def accept(self, payload: EmailPayload, settings: Settings) -> EmailPayload:
        """Refuse more recipients, or more in its attachments, than one message may have; keep those by content."""
        count = len({*payload.to, *payload.cc, *payload.bcc})
        if count > MAX_RECIPIENTS:
            fault = f"Recipient, Cc and Bcc together must have at most {MAX_RECIPIENTS} addresses, not {count}"
            raise InvalidInput([FieldError("to", fault)])
        rules: dict[str, Any] = {"kinds": None, "most": MAX_ATTACHED_BYTES}
        kept = [
            await each.keep(f"attachments.{number}", settings, title=f"Attachments {number + 1}", **rules)
            for number, each in enumerate(payload.attachments)
        ]
        if (total := await _size(kept, settings)) > MAX_ATTACHED_BYTES:
            rule = f"Attachments must have at most {MAX_ATTACHED_BYTES:,} bytes together, not {total:,}"
            raise InvalidInput([FieldError("attachments", rule)])
        return payload.model_copy(update={"attachments": kept})

    async def run(self, payload: EmailPayload, context: Context) -> dict[str, Any]:
        """Connect first, where every fault is certain; then send, once."""
        sender = sender_address(context.settings)
        attached = tuple([await _attached(attachment, context.settings) for attachment in payload.attachments])
        to, cc, bcc = tuple(payload.to), tuple(payload.cc), tuple(payload.bcc)
        mail = Mail(sender, to, cc, bcc, payload.subject, payload.body, attached)
        identity = {"message_id": new_message_id(sender), "date": clock.now().isoformat()}
        server = mail_server(context.settings)
        if server is None:
            return await context.effect(TARGET, identity, lambda kept: _save(mail, kept, context.settings))
        await context.log(f"Connecting to {server.host}, port {server.port}")
        async with smtp.connect(server) as session:
            return await context.effect(TARGET, identity, lambda kept: _send(mail, kept, session))


async def _size(attachments: Sequence[Attachment], settings: Settings) -> int:
    storage = open_storage(settings)
    found = [await storage.find(f"{FILES}/{attachment.file}") for attachment in attachments]
    return sum(file.size for file in found if file)


async def _attached(attachment: Attachment, settings: Settings) -> Attached:
    content = await open_storage(settings).get(f"{FILES}/{attachment.file}")
    if content is None:
        raise PermanentError(f"the attachment {attachment.name} is stored no more")
    return Attached(str(attachment.name), content)


async def _save(mail: Mail, identity: dict[str, Any], settings: Settings) -> dict[str, Any]:
    message = build(mail, identity["message_id"], datetime.fromisoformat(identity["date"]))
    name = await outbox.save(open_storage(settings), message, identity["message_id"], bcc=mail.bcc)
    return {"message": outbox.SAVED, "message_id": identity["message_id"], "file": name}


async def _send(mail: Mail, identity: dict[str, Any], session: smtp.Session) -> dict[str, Any]:
    message = build(mail, identity["message_id"], datetime.fromisoformat(identity["date"]))
    delivery = await session.send(message, mail.sender, mail.recipients)
    return {
        "message": _delivery_sentence(delivery),
        "message_id": identity["message_id"],
        "accepted": list(delivery.accepted),
        "refused": delivery.refused,
    }


def _delivery_sentence(delivery: smtp.Delivery) -> str:
    total = len(delivery.accepted) + len(delivery.refused)
    if not delivery.refused:
        return "Sent to 1 recipient" if total == 1 else f"Sent to {total} recipients"
    refused = "; ".join(f"{address} ({answer})" for address, answer in delivery.refused.items())
    return f"Sent to {len(delivery.accepted)} of {total} recipients; refused: {refused}"


def sender_address(settings: Settings) -> str:
    """The configured sender, else one on this machine."""
    if settings.smtp_from:
        return settings.smtp_from
    if settings.smtp_username and "@" in settings.smtp_username:
        return settings.smtp_username
    return f"job-runner@{socket.gethostname() or 'localhost'}"


def mail_server(settings: Settings) -> smtp.SmtpServer | None:
    """The configured mail server, or None: then mail goes to the outbox."""
    if not settings.smtp_host:
        return None
    default_port = {"starttls": 587, "tls": 465, "none": 25}[settings.smtp_security]
    password = settings.smtp_password
    return smtp.SmtpServer(
        host=settings.smtp_host,
        port=settings.smtp_port or default_port,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
        security=settings.smtp_security,
    )
