@api
Feature: A project changes hands

  Scenario: The site owner is invited, accepts and reads the project
    Given a project of the installer
    And the site owner is invited to it
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "The owner", "password": "{password}"}
      """
    Then the answer is 200
    And its JSON equals
      """
      {"account_id": "(an id)", "email": "{site owner}", "role": "site_owner", "project_id": "{project}"}
      """
    When nobody sends POST /api/v1/installer/login
      """
      {"email": "{site owner}", "password": "{password}"}
      """
    Then its JSON contains
      """
      {"role": "site_owner", "token": "(a text)"}
      """

  Scenario: An invitation says who and until when
    Given a project of the installer
    When the installer sends POST /api/v1/installer/projects/{project}/invite-site-owner
      """
      {"email": "owner@{unique}.example.com", "message": "It is all yours."}
      """
    Then the answer is 201
    And its JSON equals
      """
      {"invitation_id": "(an id)", "email": "owner@{unique}.example.com", "expires_at": "(a time)"}
      """

  Scenario: Nobody is invited at an address that is none
    Given a project of the installer
    When the installer sends POST /api/v1/installer/projects/{project}/invite-site-owner
      """
      {"email": "the owner"}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field email

  Scenario: Who has accepted is not replaced
    Given a project of the installer
    And the site owner has accepted it
    When the installer sends POST /api/v1/installer/projects/{project}/invite-site-owner
      """
      {"email": "next@{unique}.example.com"}
      """
    Then the answer is 409
    And the error has the code already_accepted

  Scenario: An invitation is accepted once
    Given a project of the installer
    And the site owner is invited to it
    And nobody sends POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "The owner", "password": "{password}"}
      """
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "The owner", "password": "{password}"}
      """
    Then the answer is 409
    And the error has the code already_accepted

  Scenario: More acceptances of one invitation than can be under way
    Given a CSMS of its own
    And a project of the installer
    And the site owner is invited to it
    When nobody sends 40 times at once POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "The owner", "password": "{password}"}
      """
    Then exactly 1 of the answers is 200
    And at least one of the answers is 429
    And the error has the code rate_limited
    And the answer has the header Retry-After

  Scenario: The newest invitation is the only one
    Given a project of the installer
    And the site owner is invited to it
    And the installer sends POST /api/v1/installer/projects/{project}/invite-site-owner
      """
      {"email": "next@{unique}.example.com"}
      """
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "The owner", "password": "{password}"}
      """
    Then the answer is 404
    And the error has the code not_found

  Scenario: Invitations are no way to send mail to everybody
    Given a project of the installer
    When the installer sends 21 times at once POST /api/v1/installer/projects/{project}/invite-site-owner
      """
      {"email": "somebody@{unique}.example.com"}
      """
    Then exactly 20 of the answers are 201
    And exactly 1 of the answers is 422
    And the error has the code too_many_invitations

  Scenario: A token that nobody sent accepts nothing
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": "made-up", "name": "The owner", "password": "{password}"}
      """
    Then the answer is 404
    And the error has the code not_found

  Scenario: An invitation is good for seven days
    Given a CSMS with a clock of its own
    And a project of the installer
    And the site owner is invited to it
    And 8 days go by
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "The owner", "password": "{password}"}
      """
    Then the answer is 422
    And the error has the code invitation_expired

  Scenario: A token of an account is good for a day
    Given a CSMS with a clock of its own
    And a project of the installer
    And 25 hours go by
    When the installer sends POST /api/v1/installer/projects
      """
      {"name": "Yard", "address": "1 Quay Lane"}
      """
    Then the answer is 401
    And the error has the code unauthorized

  Scenario Outline: An acceptance with a wrong <field> is refused
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": <token>, "name": <name>, "password": <password>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field    | token | name  | password     |
      | token    | ""    | "Ada" | "long3nough" |
      | name     | "x"   | ""    | "long3nough" |
      | password | "x"   | "Ada" | "short"      |

  Scenario: The hand-over opens the features of a project
    Given a project of the installer
    And the site owner has accepted it
    When the installer sends POST /api/v1/installer/projects/{project}/complete-handover
      """
      {"sign_off_notes": "All connectors tested.", "installer_signature": "Ada"}
      """
    Then the answer is 200
    And its JSON equals
      """
      {"project_id": "{project}", "status": "handed_over", "completed_at": "(a time)", "warnings": [],
       "features": {"billing": true, "smart_charging": true}}
      """
    When the site owner sends GET /api/v1/projects/{project}
    Then the answer is 200
    And its JSON contains
      """
      {"id": "{project}", "status": "handed_over", "site_owner_accepted": true, "installer_signature": "Ada"}
      """

  Scenario: A hand-over to nobody is warned of
    Given a project of the installer
    When the installer sends POST /api/v1/installer/projects/{project}/complete-handover
      """
      {"installer_signature": "Ada"}
      """
    Then its JSON contains
      """
      {"status": "handed_over", "warnings": ["invitation_not_accepted"]}
      """

  Scenario: A hand-over wants a signature
    Given a project of the installer
    When the installer sends POST /api/v1/installer/projects/{project}/complete-handover
      """
      {"sign_off_notes": "All connectors tested."}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field installer_signature

  Scenario: A site owner changes nothing
    Given a project of the installer
    And the site owner has accepted it
    When the site owner sends PUT /api/v1/projects/{project}/access
      """
      {"policy": "open"}
      """
    Then the answer is 403
    And the error has the code forbidden

  Scenario: A site owner sees no other project
    Given a project of the installer
    And the site owner has accepted it
    And the installer sends POST /api/v1/installer/projects
      """
      {"id": "prj_{unique}", "name": "Another yard", "address": "2 Quay Lane"}
      """
    When the site owner sends GET /api/v1/projects/prj_{unique}
    Then the answer is 404
    When the site owner sends GET /api/v1/projects
    Then its JSON contains
      """
      {"total": 1, "projects": [{"id": "{project}"}]}
      """
