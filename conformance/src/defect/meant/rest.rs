//! How each defect of REST APIs has to show.

use super::{Table, rule, words};

pub(super) const REST: Table = &[
    (
        "says 200 where it made something",
        &[words(
            "201 is expected; ",
            &["A project", "A new installer"],
        )],
    ),
    (
        "invents a status",
        &[words(
            "404 is expected; ",
            &[
                "A charge point of another organization",
                "Nobody has this token: GET status",
            ],
        )],
    ),
    (
        "tells errors without their id",
        &[words(
            "has no text in request_id",
            &["A project with a wrong name is refused"],
        )],
    ),
    (
        "calls all errors by one name",
        &[words(
            "the code no_tariff is expected",
            &["A charge point without a tariff"],
        )],
    ),
    (
        "tells errors as pages",
        &[words(
            "but as \"text/html\"",
            &["A charge point without a tariff"],
        )],
    ),
    (
        "leaves a required member out",
        &[words(
            "\"address\" is a required property",
            &["The sites of an organization, page by page"],
        )],
    ),
    (
        "writes numbers as text",
        &[words(
            "\"1000\" is not of types",
            &["The transactions of a project"],
        )],
    ),
    (
        "counts one too many",
        &[words(
            "total is 2, not 1",
            &[
                "A transaction that is over",
                "The sites of an organization, page by page",
            ],
        )],
    ),
    (
        "ignores filters",
        &[words(
            "total is 1, not 0",
            &["A filter finds 0 charge points with the status Faulted"],
        )],
    ),
    (
        "asks nobody who they are",
        &[words(
            "are not 401 unauthorized",
            &[
                "Who shows a key that nobody made is not let in",
                "Who shows no credentials is not let in",
            ],
        )],
    ),
    (
        "takes any password",
        &[words("401 is expected; ", &["A wrong password gives none"])],
    ),
    (
        "shows all to all",
        &[words(
            "404 is expected; ",
            &[
                "A charge point of another organization",
                "The tariff of a project is the business of its installer and its organization",
            ],
        )],
    ),
    (
        "takes site owners for each other",
        &[words(
            "of strangers: ",
            &["Strangers get nowhere with an id of ours"],
        )],
    ),
    (
        "lets readers write",
        &[words(
            "403 is expected; ",
            &["The tariff of a project is the business of its installer and its organization"],
        )],
    ),
    (
        "shows secrets again",
        &[words(
            "\"secret\":\"whsec_0123456789abcdef\"",
            &["A webhook shows its secret once"],
        )],
    ),
    (
        "commands what it refuses",
        &[rule(
            "accounted-for",
            &["trigger_message with a wrong requested_message is not sent"],
        )],
    ),
    (
        "commands again under the same key",
        &[rule(
            "accounted-for",
            &["trigger_message under the key of another request"],
        )],
    ),
    (
        "has no limit",
        &[words(
            "at least one of the answers should be 429",
            &["More of reset than a charge point can take"],
        )],
    ),
    (
        "does not say when to come again",
        &[words(
            "the header Retry-After is None",
            &["More of reset than a charge point can take"],
        )],
    ),
    (
        "forgets what a change leaves out",
        &[words(
            "address is null, not ",
            &[
                "What is left out of a change stays",
                "What is left out of a change of a site stays",
            ],
        )],
    ),
    (
        "only says that it has deleted",
        &[words("404 is expected; ", &["An empty site can go"])],
    ),
    (
        "keeps the first price",
        &[words(
            "tariff.currency is \"GBP\", not \"EUR\"",
            &["The tariff is set, replaced and read"],
        )],
    ),
    (
        "bills a cent too much",
        &[
            words(
                "final_cost is 0.51, not 0.5",
                &["A guest charges, stops and gets a receipt"],
            ),
            words("\"cost\":0.51", &["A project that was handed over bills"]),
            words("\"cost\":0.99", &["A session has its price"]),
        ],
    ),
    (
        "says 201 where something is there already",
        &[words(
            "409 is expected; ",
            &[
                "Its identity is taken",
                "An e-mail address has one account, however it is written",
            ],
        )],
    ),
    (
        "calls what is offline a mistake of the caller",
        &[words(
            "422 is expected; ",
            &["A charge point that is not connected"],
        )],
    ),
    (
        "calls an outage an error of its own",
        &[words(
            "are not 503 unavailable",
            &["A server without its database says so, and that it may pass"],
        )],
    ),
    (
        "names no field",
        &[words(
            "the field address is not among []",
            &["A site without an address is refused"],
        )],
    ),
    (
        "does not say which methods there are",
        &[words(
            "the header Allow is None",
            &["A method that a path does not have"],
        )],
    ),
    (
        "gives answers no id",
        &[words(
            "without an X-Request-Id",
            &["Every answer has an id of its own"],
        )],
    ),
    (
        "gives all answers one id",
        &[words(
            "have 1 different ids",
            &["Every answer has an id of its own"],
        )],
    ),
    (
        "tells times without their zone",
        &[words(", not (a time)", &["A site as it was made"])],
    ),
    (
        "cuts numbers to whole ones",
        &[
            words("latitude is 51.0, not 51.4545", &["A site as it was made"]),
            words("\"cost\":0.0", &["A session has its price"]),
        ],
    ),
    (
        "tells the farthest first",
        &[words(
            "charge_points.0.charge_point_id is",
            &["The nearest come first"],
        )],
    ),
    (
        "measures in miles",
        &[words("distance_km is 0.69", &["The nearest come first"])],
    ),
    (
        "counts pages from nought",
        &[words(
            "page is 0, not 1",
            &["The sites of an organization, page by page"],
        )],
    ),
    (
        "gives tokens without an end",
        &[words(
            "expires_at is missing",
            &["The right password gives a token with an end"],
        )],
    ),
    (
        "shows a password that it was given",
        &[words(
            "ocpp_password is there",
            &["A password that is given is not shown"],
        )],
    ),
    (
        "tells another currency",
        &[words(
            "\"currency\":\"EUR\"",
            &[
                "A session has its price",
                "A project that was handed over bills",
            ],
        )],
    ),
    (
        "takes tokens that nobody signed",
        &[words(
            "401 is expected; ",
            &["A token that was tampered with opens nothing"],
        )],
    ),
    (
        "only says that what is in use is gone",
        &[words(
            "409 is expected; ",
            &["A site with a charge point stays"],
        )],
    ),
    (
        "takes page nought for the first",
        &[words(
            "400 is expected; ",
            &["A list of sites from page zero is refused"],
        )],
    ),
    (
        "has one page",
        &[words(
            "page is 1, not 2",
            &["The second page goes on where the first ends"],
        )],
    ),
    (
        "finds what is out of reach",
        &[words(
            "charge_points has 1 elements, not 0",
            &["Out of reach is not found"],
        )],
    ),
    (
        "minds the case of addresses",
        &[
            words(
                "409 is expected; ",
                &["An e-mail address has one account, however it is written"],
            ),
            words(
                "200 is expected; ",
                &["The right password gives a token with an end"],
            ),
        ],
    ),
    (
        "tells what it told before",
        &[
            words(
                "tariff.price_per_kwh is 0.35, not 0.4",
                &["The tariff of a project holds for its charge points"],
            ),
            words(
                "data has 1 elements, not 0",
                &["A webhook shows its secret once"],
            ),
        ],
    ),
    (
        "only says that it changes",
        &[
            words(
                "the CSMS answered Accepted, not Invalid",
                &["Only tags of the list charge where there is one"],
            ),
            words(
                "name is \"Car park\", not \"The old car park\"",
                &["What is left out of a change of a site stays"],
            ),
        ],
    ),
    (
        "knows no keys",
        &[words(
            "the header Idempotent-Replayed is None",
            &["The same request under the same key is sent once"],
        )],
    ),
    (
        "reads any type of body",
        &[words(
            "are not 415 unsupported_media_type",
            &["A body of another type is not read"],
        )],
    ),
    (
        "takes installers of one organization for each other",
        &[words(
            "charge_points has 1 elements, not 0",
            &["The list has what the installer registered and nothing else"],
        )],
    ),
];
