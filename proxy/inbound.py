"""What browsers send: the bodies of `/sessions` and `/events`, checked strictly."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.catalog import CATEGORY, PRODUCT_ID
from proxy.errors import Problem

ProductID = Annotated[str, Field(pattern=PRODUCT_ID)]
Category = Annotated[str, Field(pattern=CATEGORY)]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}$")]
ClickID = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Text = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]


class Wish(BaseModel):
    """The body of `POST /sessions`."""

    model_config = ConfigDict(strict=True)

    product_id: ProductID
    category: Category | None = None
    locale: Locale | None = None
    reference: Annotated[Text, Field(max_length=128)] | None = None
    click_id: ClickID | None = None
    resume: Annotated[str, Field(max_length=64)] | None = None
    title: Annotated[Text, Field(max_length=200)] | None = None


class Beacon(BaseModel):
    """The body of `POST /events`."""

    model_config = ConfigDict(strict=True)

    name: Literal["impression", "error"]
    product_id: ProductID
    category: Category | None = None
    locale: Locale | None = None
    id: ClickID | None = None
    code: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")] | None = None


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], value: Any) -> Model:
    """A checked body. :raises Problem: `bad_request`, with what is wrong in each field."""
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
