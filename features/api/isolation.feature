@api
Feature: What belongs to one is closed to all others

  Scenario: Strangers get nowhere with an id of ours
    Given a connected charge point of the installer
    When other organizations and installers try every route with an id of ours
    Then each answer is 404 or 403
    And it receives RemoteStartTransaction
