@ocpp16 @core @charge-point @line
Feature: The line keeps its rules whatever comes

  Background:
    Given a charge point that is booted and idle

  Scenario: An action that nobody knows is not implemented
    When the CSMS sends an action that nobody knows
    Then it answers with the error NotImplemented

  Scenario: A command that lacks what it needs is refused with the right error
    When the CSMS sends Reset
    Then it answers with the error OccurenceConstraintViolation, FormationViolation or ProtocolError

  Scenario: A command with a word that the standard does not know is refused
    When the CSMS sends Reset
      | type | Gentle |
    Then it answers with the error PropertyConstraintViolation, FormationViolation or TypeConstraintViolation

  Scenario: Rubbish on the line does not end it
    When the CSMS sends rubbish
    And the CSMS sends GetConfiguration
      | key | ["HeartbeatInterval"] |
    Then it answers with a value of HeartbeatInterval

  Scenario: One call is open at a time even when answers are slow
    Given the CSMS takes 400 milliseconds to answer
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
