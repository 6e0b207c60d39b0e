//! How each defect of platforms that roam has to show.

use super::{Table, rule, words};

pub(super) const CPO: Table = &[
    (
        "asks nobody for a token",
        &[words(
            "401 is expected",
            &["Without a token every endpoint is closed"],
        )],
    ),
    (
        "takes any token",
        &[words(
            "401 is expected",
            &["With a token that nobody gave out every endpoint is closed"],
        )],
    ),
    (
        "opens its modules to invitations",
        &[words(
            "401 is expected",
            &["An invitation opens versions and credentials alone"],
        )],
    ),
    (
        "lets its own way of calling in",
        &[words(
            "401 is expected",
            &["The token by which the CPO calls does not open it"],
        )],
    ),
    (
        "compares tokens without their case",
        &[words(
            "401 is expected",
            &["A token that is almost right is wrong"],
        )],
    ),
    (
        "breaks on a header that it cannot read",
        &[words(
            "401 is expected",
            &["A header that is none of OCPI is refused and breaks nothing"],
        )],
    ),
    (
        "does not know the tokens of 2.1.1",
        &[words(
            "200 with 1000 is expected",
            &["A token that is not encoded is understood"],
        )],
    ),
    (
        "minds a line feed behind the token",
        &[words(
            "200 with 1000 is expected",
            &["A token that was encoded with a line feed is understood"],
        )],
    ),
    (
        "writes tokens for URLs",
        &[rule(
            "ocpi-authorization",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
            ],
        )],
    ),
    (
        "writes a line feed behind its token",
        &[rule(
            "ocpi-authorization",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
            ],
        )],
    ),
    (
        "writes its status code as text",
        &[rule(
            "ocpi-envelope",
            &["Every answer is an envelope with data of its shape and stamps of the standard"],
        )],
    ),
    (
        "wraps single objects into lists",
        &[rule(
            "ocpi-data-shape",
            &["Every answer is an envelope with data of its shape and stamps of the standard"],
        )],
    ),
    (
        "writes stamps with an offset",
        &[rule(
            "ocpi-date-time",
            &["Every answer is an envelope with data of its shape and stamps of the standard"],
        )],
    ),
    (
        "makes ids of its own for answers",
        &[words(
            "x-request-id is",
            &["The ids of a request come back as they were sent, here rig:1/2 x"],
        )],
    ),
    (
        "sends one id for all requests",
        &[rule(
            "ocpi-request-id",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
            ],
        )],
    ),
    (
        "exchanges who answers whom",
        &[words(
            "ocpi-to-country-code is",
            &["An answer goes back to whom the request came from"],
        )],
    ),
    (
        "names parties in the handshake",
        &[rule(
            "ocpi-no-routing",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
            ],
        )],
    ),
    (
        "wants every header",
        &[words(
            "200 with 1000 is expected",
            &[
                "Between two parties headers that say who sends and which request it is may be missing",
            ],
        )],
    ),
    (
        "ignores who is meant",
        &[words(
            "is expected",
            &["What is addressed to somebody else is not served"],
        )],
    ),
    (
        "answers what is no JSON by OCPI",
        &[words(
            "400 is expected",
            &["A body that is no JSON is refused by HTTP"],
        )],
    ),
    (
        "answers wrong JSON by HTTP",
        &[words(
            "200 with 2001 is expected",
            &[
                "JSON that says something wrong is answered by a status code of OCPI, here no whitelist",
                "JSON that says something wrong is answered by a status code of OCPI, here null",
                "Credentials in which there is no token are refused",
                "Credentials in which the URL is none are refused",
            ],
        )],
    ),
    (
        "sends an envelope to its partners",
        &[rule(
            "ocpi-bare-body",
            &["What the CPO sends is a bare object in JSON"],
        )],
    ),
    (
        "serves every method",
        &[words(
            "405 or 404 is expected",
            &["Methods that a module does not have are not served"],
        )],
    ),
    (
        "lists versions by relative URLs",
        &[words(
            "is no absolute URL",
            &["The list of versions offers 2.2.1 at a URL that can be used"],
        )],
    ),
    (
        "lists endpoints without roles",
        &[words(
            "an endpoint has no role",
            &["The details say of each endpoint what it is for, who calls there, and where it is"],
        )],
    ),
    (
        "names the roles of its callers",
        &[words(
            "is listed as",
            &["The modules of a CPO are listed with the role of the CPO"],
        )],
    ),
    (
        "has one answer for all versions",
        &[words(
            "the version should be 2.1.1",
            &["Each version of the list has its own details"],
        )],
    ),
    (
        "closes the discovery to registered partners",
        &[words(
            "no version 2.2.1 is listed",
            &["Versions and details can be read after the registration as before it"],
        )],
    ),
    (
        "ignores the version in the path",
        &[words(
            "404 with 3002 is expected",
            &["Details of a version that the CPO does not speak"],
        )],
    ),
    (
        "cannot use any partner",
        &[words(
            "is expected",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
                "A partner with more versions and modules registers all the same",
                "A partner without modules is taken or told so",
            ],
        )],
    ),
    (
        "gives back what it was given",
        &[words(
            "the token is one that is known already",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
            ],
        )],
    ),
    (
        "calls back with a token for the other direction",
        &[rule(
            "ocpi-authorization",
            &[
                "A registration gives a new token, once the CPO has read versions and details with that of the partner",
            ],
        )],
    ),
    (
        "keeps invitations open",
        &[words(
            "401 is expected",
            &["The new token opens everything, and the invitation opens nothing any more"],
        )],
    ),
    (
        "registers who is registered",
        &[words(
            "405 is expected",
            &["Who is registered does not register again"],
        )],
    ),
    (
        "registers by PUT",
        &[words(
            "405 is expected",
            &["Who is not registered renews nothing and ends nothing"],
        )],
    ),
    (
        "hides the token of the caller",
        &[words(
            "the token is not the one that was shown",
            &["GET credentials shows the caller its own token"],
        )],
    ),
    (
        "keeps its token in a renewal",
        &[words(
            "the token is one that is known already",
            &["A renewal gives both sides another token"],
        )],
    ),
    (
        "calls a partner that it cannot reach an error of its own",
        &[words(
            "200 with 3001 is expected",
            &[
                "A renewal that does not come off leaves all as it was",
                "Who is not reached when it registers may register again",
            ],
        )],
    ),
    (
        "registers whom it does not understand",
        &[words(
            "200 with 3002 is expected",
            &["Without a version in common there is no registration"],
        )],
    ),
    (
        "knows who has left",
        &[words(
            "401 is expected",
            &["After the end the token opens nothing, and the partner hears nothing"],
        )],
    ),
    (
        "registers a party once in its life",
        &[words(
            "200 with 1000 is expected",
            &["Who comes back after the end begins anew"],
        )],
    ),
    (
        "keeps the first role alone",
        &[words(
            "is expected",
            &["A platform with several roles registers all of them"],
        )],
    ),
    (
        "registers twice with one invitation",
        &[words(
            "one answer should be",
            &["Of two registrations with one invitation one comes off"],
        )],
    ),
    (
        "serves nobody while it waits for a partner",
        &[words(
            "200 with 1000 is expected",
            &["A partner may ask the CPO while the CPO asks it"],
        )],
    ),
    (
        "posts its credentials with another token",
        &[words(
            "does not show the token",
            &["The CPO offers itself with the token that it was given"],
        )],
    ),
    (
        "counts a refusal as a registration",
        &[words(
            "401 is expected",
            &[
                "A refusal in an answer 200 is a refusal",
                "A renewal that was refused keeps the old token, and one that was not gives another",
            ],
        )],
    ),
    (
        "does not know the credentials of 2.1.1",
        &[words(
            "200 with 1000 is expected",
            &["Credentials in the form of 2.1.1 are taken, and given beside the roles"],
        )],
    ),
    (
        "forgets all partners when one leaves",
        &[words(
            "200 with 1000 is expected",
            &["A partner renews and ends its own registration alone"],
        )],
    ),
    (
        "does not say how many come at most",
        &[words(
            "x-limit is not there",
            &[
                "Each page of locations says how many objects there are and how many come at most",
                "Each page of tariffs says how many objects there are and how many come at most",
            ],
        )],
    ),
    (
        "links to no next page",
        &[words(
            "there is no link to a next page",
            &["A page of locations links to the next one, and the last to none"],
        )],
    ),
    (
        "links on behind the end",
        &[words(
            "it links to",
            &[
                "A page of locations links to the next one, and the last to none",
                "Behind the end of tariffs is an empty page",
            ],
        )],
    ),
    (
        "orders pages anew",
        &[words(
            "the objects are",
            &["Pages of any size of locations hold each object once and in one order"],
        )],
    ),
    (
        "forgets the window in its links",
        &[words(
            "has no date_from=",
            &["Links of locations keep what was asked for"],
        )],
    ),
    (
        "says any limit is its own",
        &[words(
            "X-Limit is what was asked for",
            &["Nobody gets more of locations at once than X-Limit says"],
        )],
    ),
    (
        "breaks on a query that makes no sense",
        &[words(
            "is expected",
            &["What makes no sense in a query does no harm"],
        )],
    ),
    (
        "finds nothing behind the end",
        &[words(
            "200 with 1000 is expected",
            &["Behind the end of locations is an empty page"],
        )],
    ),
    (
        "begins windows behind their beginning",
        &[words(
            "is not in the list from then",
            &["A window of locations holds what was changed at its beginning"],
        )],
    ),
    (
        "ends windows behind their end",
        &[words(
            "is in the list until then",
            &["A window of locations does not hold what was changed at its end"],
        )],
    ),
    (
        "minds a slash at the end",
        &[words(
            "200 with 1000 is expected",
            &["A slash at the end and encoded colons mean nothing"],
        )],
    ),
    (
        "wants a Z behind every point in time",
        &[words(
            "200 with 1000 is expected",
            &["A point in time is understood in every form that the standard allows"],
        )],
    ),
    (
        "cuts offsets off",
        &[words(
            "nor the same point in time",
            &["A point in time with an offset, and one that is none, change no window in silence"],
        )],
    ),
    (
        "leaves time zones out",
        &[rule(
            "ocpi-form",
            &["Locations, EVSEs and connectors are whole"],
        )],
    ),
    (
        "shows the location for its EVSE",
        &[words(
            "in the list it is",
            &["A location, an EVSE and a connector can be read alone"],
        )],
    ),
    (
        "finds EVSEs in any location",
        &[words(
            "404 is expected",
            &["Ids that are none, or of another place, are not found"],
        )],
    ),
    (
        "forgets the tariffs of connectors",
        &[words(
            "no connector has a tariff",
            &["The tariffs of connectors are in the list of tariffs"],
        )],
    ),
    (
        "names a time zone that is none",
        &[words(
            "is in no database",
            &["What a location says makes sense"],
        )],
    ),
    (
        "leaves step sizes out",
        &[rule("ocpi-form", &["Tariffs are whole"])],
    ),
    (
        "has no tariff for what is free",
        &[words(
            "one tariff with one FLAT",
            &["What costs nothing has a tariff that says so"],
        )],
    ),
    (
        "never says that a tariff changed",
        &[words(
            "has not a later last_updated",
            &["A new price is a new state of the tariff"],
        )],
    ),
    (
        "has two prices at one time",
        &[words(
            "of one type at one time",
            &["No connector has two prices at one time"],
        )],
    ),
    (
        "compares ids letter for letter",
        &[words(
            "200 with 1000 is expected",
            &["Ids are the same in any case"],
        )],
    ),
    (
        "loses fields of tokens",
        &[words(
            "language is missing",
            &["A token that is put is there with all that it says"],
        )],
    ),
    (
        "merges what is put",
        &[words(
            "group_id is there",
            &["Another PUT takes the place of the token"],
        )],
    ),
    (
        "resets what a change does not name",
        &[words(
            "valid is false",
            &["PATCH changes what it names and nothing else"],
        )],
    ),
    (
        "changes what is not there",
        &[words(
            "is expected",
            &["A token that is not there is neither shown nor changed"],
        )],
    ),
    (
        "has one token for all types",
        &[words(
            "contract_id is",
            &["Tokens of two types with one uid are two tokens"],
        )],
    ),
    (
        "takes what is wrong",
        &[words(
            "200 with 2001 is expected",
            &[
                "Body and URL name the same token, or it is refused: another uid",
                "What is too long is refused and not cut, here a contract",
            ],
        )],
    ),
    (
        "does not say what a token is worth",
        &[words(
            "is expected",
            &["The CPO says what a token is worth"],
        )],
    ),
    (
        "wants said twice what the URL says",
        &[words(
            "20x with 1000 is expected",
            &["What the URL says need not be said again, and a change without its time is taken"],
        )],
    ),
    (
        "takes fields that it does not know for faults",
        &[words(
            "is expected",
            &["Fields that the standard does not know are passed over"],
        )],
    ),
    (
        "takes null for a fault",
        &[words(
            "is expected",
            &["A null where a field may be absent is as good as nothing"],
        )],
    ),
    (
        "loses letters that are not ASCII",
        &[words(
            "issuer is",
            &["Letters of all scripts stay as they are"],
        )],
    ),
    (
        "shows tokens to other partners",
        &[words(
            "404 or 200 with 2xxx is expected",
            &["Tokens of another partner are neither shown nor changed"],
        )],
    ),
    (
        "has one token for all partners",
        &[words(
            "contract_id is",
            &["One uid of two partners is two tokens"],
        )],
    ),
    (
        "gives a party to whoever names it",
        &[words(
            "200 with 2xxx or 200 with 3xxx is expected",
            &["Nobody takes the place of a party that is registered"],
        )],
    ),
];
