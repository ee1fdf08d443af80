"""Letters about one's own account, in both languages: nobody knows which one the reader prefers."""

from app.mail import Letter


def new_password(to: str, login: str, link: str, minutes: int) -> Letter:
    """The link to a new password."""
    return Letter(
        to,
        "同堂：设置新密码 · Tongtang: a new password",
        f"""\
用户 {login}，您好：

有人（应当是您本人）请求为您的账号设置新密码。请在 {minutes} 分钟内打开下面的链接，只能使用一次：

{link}

如果不是您本人的请求，请不必理会，您的密码不会改变。

--

Hello {login},

somebody, most likely you, asked for a new password for your account. Open this link within {minutes} minutes;
it works once:

{link}

If it was not you, do nothing: your password stays as it is.
""",
    )


def password_was_set(to: str, login: str) -> Letter:
    """Word that the password is another one now."""
    return Letter(
        to,
        "同堂：密码已更改 · Tongtang: your password was changed",
        f"""\
用户 {login}，您好：

您的账号刚刚通过邮件链接设置了新密码，所有设备已退出登录。如果不是您本人，请立即联系管理员。

--

Hello {login},

a new password was set for your account by a link in a mail, and every device was signed out. If it was not you,
tell your administrator at once.
""",
    )


def confirm_address(to: str, login: str, link: str, minutes: int) -> Letter:
    """The link that proves that letters to an address arrive at its owner."""
    return Letter(
        to,
        "同堂：确认邮箱 · Tongtang: confirm your mail address",
        f"""\
用户 {login} 想用这个邮箱找回密码。如果是您本人，请在 {minutes} 分钟内打开下面的链接确认：

{link}

如果不是，请不必理会。

--

{login} wants to use this address to get back into their account. If that is you, open this link within
{minutes} minutes:

{link}

If it is not, do nothing.
""",
    )


def address_was_given(to: str, login: str) -> Letter:
    """Word to an address that an administrator entered it."""
    return Letter(
        to,
        "同堂：已登记您的邮箱 · Tongtang: your mail address was entered",
        f"""\
管理员为用户 {login} 登记了这个邮箱，忘记密码时可以用它找回。如果您不认识这个用户，请告知管理员或当地教育局。

--

An administrator entered this address for {login}: it leads back into the account when the password is forgotten.
If you do not know this account, tell the administrator or the local education bureau.
""",
    )


def address_was_replaced(to: str, login: str, link: str, days: int) -> Letter:
    """Word to a proven address that an admin entered another one, with the way back."""
    return Letter(
        to,
        "同堂：管理员更改了邮箱 · Tongtang: an administrator changed your mail address",
        f"""\
管理员更改了用户 {login} 的邮箱，忘记密码时不再使用这个地址。如果这是您要求的，请不必理会。

如果不是，请在 {days} 天内打开下面的链接并设置新密码。这个邮箱将恢复使用，所有设备退出登录：

{link}

也请告知当地教育局。

--

An administrator replaced or removed this address of {login}: it does not lead back into the account any more. If you
asked for that, do nothing.

If you did not, open this link within {days} days and choose a new password. This address then counts again, and
every device is signed out:

{link}

Tell the local education bureau, too.
""",
    )


def address_was_changed(to: str, login: str) -> Letter:
    """Word to the address that counted until now."""
    return Letter(
        to,
        "同堂：邮箱已更改 · Tongtang: your mail address was changed",
        f"""\
用户 {login} 的找回密码邮箱不再是这个地址。如果不是您本人更改的，请立即联系管理员。

--

This is no longer the address by which {login} gets back into their account. If you did not change it, tell your
administrator at once.
""",
    )
