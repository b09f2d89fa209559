"""Request bodies of `/sessions` and `/events`, checked strictly."""

from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from proxy.catalog.products import CATEGORY, ProductID
from proxy.strict_json import Unreadable, read_json
from proxy.web.i18n import read_tag
from proxy.web.problems import Problem
from proxy.web.request import is_coded, read_body

LARGEST_BODY = 16 * 1024  # bytes

Category = Annotated[str, Field(pattern=CATEGORY)]
# A shop's page may write it in many ways; none of them is a reason for having no try-on.
Locale = Annotated[str, AfterValidator(read_tag)]
ClickID = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
Answer = Annotated[str, Field(pattern=r"^[!-~]{1,8192}$")]
# A challenge's widget puts its answer into a form under a name of its own.
ANSWER = AliasChoices("challenge", *(f"{of}-response" for of in ("cf-turnstile", "h-captcha")))


class Wish(BaseModel):
    """The body of `POST /sessions`."""

    model_config = ConfigDict(strict=True)

    product_id: ProductID
    category: Category | None = None
    signature: Signature | None = None
    locale: Locale | None = None
    reference: Annotated[Text, Field(max_length=128)] | None = None
    click_id: ClickID | None = None
    resume: Annotated[str, Field(max_length=64)] | None = None
    title: Annotated[Text, Field(max_length=200)] | None = None
    direct: bool | None = None
    challenge: Answer | None = Field(None, validation_alias=ANSWER)

    @property
    def carried(self) -> dict[str, str]:
        """What an address may carry of it: nothing that a page would show."""
        left_out = {"resume", "title", "direct", "challenge"}
        return self.model_dump(exclude_none=True, exclude=left_out)


class Beacon(BaseModel):
    """The body of `POST /events`."""

    model_config = ConfigDict(strict=True)

    name: Literal["impression", "error"]
    product_id: ProductID
    category: Category | None = None
    signature: Signature | None = None
    locale: Locale | None = None
    id: ClickID | None = None
    code: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")] | None = None


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], *media_types: str) -> Model:
    """Read this request's body, which is JSON under one of the media types.

    :raises Problem: `unsupported_media_type`; `bad_request`, with what is wrong in each field.
    """
    if request.mimetype not in media_types or is_coded():
        raise Problem("unsupported_media_type")
    try:
        return check(model, read_json(read_body(LARGEST_BODY)))
    except Unreadable as error:
        raise Problem("bad_request", "The body is not valid JSON.", reason=error.reason) from None


def read_fields(model: type[Model]) -> Model:
    """Read this request's form. :raises Problem: as `read` does."""
    if is_coded():
        raise Problem("unsupported_media_type")
    return check(model, {name: value for name, value in request.form.items() if value})


def check(model: type[Model], value: Any) -> Model:
    """Check a body's members. :raises Problem: `bad_request`, with what is wrong in each field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wrong = [
            {"field": ".".join(map(str, each["loc"])) or "body", "message": each["msg"]}
            for each in error.errors(include_url=False, include_input=False)
        ]
        first = wrong[0]
        raise Problem(
            "bad_request", f"{first['field']}: {first['message']}", errors=wrong
        ) from None
