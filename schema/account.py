"""Accounts: signing in and out, and what the signed-in person may do."""

from datetime import datetime
from typing import Annotated

import strawberry

from hub import accounts, caller, clock
from hub.terms import RegisterState
from schema.context import Context, HubInfo, argument


@strawberry.type(description="A role held at a place (所持角色).")
class HeldRole:
    """A live grant."""

    role: str = strawberry.field(description="The role, as the header Hub-Role takes it (角色).")
    root: str = strawberry.field(description="The path it reaches from (授权根).")
    place_name: str = strawberry.field(description="What stands there (单位名称).")
    place_code: str = strawberry.field(description="Its code: division, school or class (单位代码).")
    until: datetime | None = strawberry.field(description="When it ends, if it does (到期时间).")


@strawberry.type(description="The signed-in person (当前用户).")
class Viewer:
    """Who is asking."""

    name: str = strawberry.field(description="Name (姓名).")
    username: str = strawberry.field(description="User name (用户名).")
    role: str | None = strawberry.field(description="The role this request acts under (当前角色).")
    roles: list[HeldRole] = strawberry.field(description="Every role held now (全部角色).")
    can: list[str] = strawberry.field(description="What the present role may do, as object:verb (当前角色的权限).")
    must_change_password: bool = strawberry.field(description="Whether only changePassword works (须先修改密码).")
    on_trial: bool = strawberry.field(
        description="Whether the register is on trial: pages must say that what is entered will be erased (试运行)."
    )


@strawberry.input(description="A user name and its password (登录信息).")
class SignInInput:
    """Who signs in."""

    username: str = strawberry.field(description="User name (用户名).")
    password: str = strawberry.field(description="Password (密码).")


@strawberry.type(description="A new session (登录结果).")
class SignInPayload:
    """What signing in gives."""

    token: str = strawberry.field(description="Bearer token; seen only here (令牌).")
    expires_at: datetime = strawberry.field(description="When the session ends (失效时间).")
    viewer: Viewer = strawberry.field(description="Who signed in (当前用户).")


@strawberry.type(description="That it was done (操作结果).")
class Done:
    """Nothing more to say."""

    ok: bool = strawberry.field(description="Always true; a refusal is an error (是否完成).")


@strawberry.input(description="One's own old and new password (修改密码).")
class ChangePasswordInput:
    """A change of password."""

    old_password: str = strawberry.field(description="The present password (原密码).")
    new_password: str = strawberry.field(description="The new one: letters, digits and symbols (新密码).")


@strawberry.type
class AccountQuery:
    """Reads about oneself."""

    @strawberry.field(description="Who is signed in (当前用户).")
    async def viewer(self, info: HubInfo) -> Viewer | None:
        """The signed-in person."""
        return viewer_of(info.context, info.context.signed_in(), info.context.role)


@strawberry.type
class AccountMutation:
    """Writes about oneself."""

    @strawberry.mutation(description="Begin a session (登录).")
    async def sign_in(
        self,
        info: HubInfo,
        input: Annotated[SignInInput, argument("Who signs in (登录信息).")],  # noqa: A002 -- GraphQL's word
    ) -> SignInPayload:
        """Begin a session."""
        context = info.context
        signed_in = await accounts.sign_in(context.database, input.username, input.password)
        account = await context.sessions.find(signed_in.token)
        return SignInPayload(
            token=signed_in.token, expires_at=signed_in.expires_at, viewer=viewer_of(context, account, None)
        )

    @strawberry.mutation(description="End this session (退出登录).")
    async def sign_out(self, info: HubInfo) -> Done:
        """End this session."""
        context = info.context
        await accounts.sign_out(context.database, context.signed_in())
        context.sessions.forget(context.token or "")
        return Done(ok=True)

    @strawberry.mutation(description="Change one's own password; every session of the account ends (修改密码).")
    async def change_password(
        self,
        info: HubInfo,
        input: Annotated[ChangePasswordInput, argument("Old and new password (原密码与新密码).")],  # noqa: A002 -- GraphQL's word
    ) -> Done:
        """Change one's own password."""
        context = info.context
        account = context.signed_in()
        await accounts.change_password(context.database, account, input.old_password, input.new_password)
        context.sessions.forget(context.token or "")
        return Done(ok=True)


def viewer_of(context: Context, account: caller.Account, role: str | None) -> Viewer:
    """What an account is told about itself, under a role or its first."""
    acting = caller.act(account, role, clock.now())
    return Viewer(
        name=account.name,
        username=account.username,
        role=acting.role or None,
        roles=[
            HeldRole(role=held.role, root=held.root, place_name=held.title, place_code=held.code, until=held.until)
            for held in acting.held
        ],
        can=context.policy.rights(acting.role) if acting.role else [],
        must_change_password=account.must_change_password,
        on_trial=account.register == RegisterState.TRIAL,
    )
