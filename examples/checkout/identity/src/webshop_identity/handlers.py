"""Identity: who has registered."""

from remit import Claims, Context, Repository
from webshop_identity.domain import Email, IdentityEvent, Registered, User
from webshop_identity_api import EmailTaken, RegisterUser, UserRegistered

identity = Context(
    "identity",
    kind="generic",
    owner="team-identity",
    language="webshop_identity/language.md",
    events=IdentityEvent,
    keep=None,  # a context that follows later needs every user
)
identity.publish_as(Registered, UserRegistered)


@identity.handle(RegisterUser)
async def register(command: RegisterUser, users: Repository[User], emails: Claims[Email]) -> None:
    user = await users.obtain(command.user)
    await emails.take(command.email, by=user, otherwise=EmailTaken())
    user.register(command.email)
