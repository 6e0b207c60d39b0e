@ocpp16 @core @csms @line
Feature: The CSMS keeps the rules of the line whatever comes

  Background:
    Given a charge point that the CSMS has accepted

  Scenario: An action that nobody knows is not implemented
    When it sends an action that nobody knows
    Then the CSMS answers with the error NotImplemented

  Scenario: A message that lacks what it needs is refused with the right error
    When it sends StatusNotification
      | connectorId | 1       |
      | errorCode   | NoError |
    Then the CSMS answers with the error OccurenceConstraintViolation, FormationViolation or ProtocolError

  Scenario: A word that the standard does not know is refused
    When it sends StatusNotification
      | connectorId | 1       |
      | errorCode   | NoError |
      | status      | Dancing |
    Then the CSMS answers with the error PropertyConstraintViolation, FormationViolation or TypeConstraintViolation

  Scenario: A text where a number belongs is refused
    When it sends StatusNotification
      | connectorId | "one"     |
      | errorCode   | NoError   |
      | status      | Available |
    Then the CSMS answers with the error TypeConstraintViolation, PropertyConstraintViolation or FormationViolation

  @robustness
  Scenario: Rubbish on the line does not end it
    When it sends rubbish
    And it sends Heartbeat
    Then the CSMS answers with its clock

  @robustness
  Scenario: An answer that nobody asked for is dropped
    When it answers a call that nobody made
    And it sends Heartbeat
    Then the CSMS answers with its clock

  @robustness
  Scenario: Two calls at once are answered one each
    When it sends two heartbeats without waiting
    Then the CSMS answers both

  Scenario: A call is read however its JSON is written
    When it sends a call whose JSON has spaces and escapes
    Then the CSMS answers that call

  Scenario: Every message that lacks a member it needs is refused
    When it sends every message without each member that it needs
    Then the CSMS refuses each

  Scenario: A text where a number or an object belongs is refused in every message
    When it sends messages with a text where a number or an object belongs
    Then the CSMS refuses each

  Scenario: An answer has the id of its call, whatever it is made of
    When it sends heartbeats under ids of every kind
    Then the CSMS acknowledges each

  Scenario: A ping is answered by a CSMS
    When it sends a ping
    Then the CSMS answers the ping

  Scenario: A command of the other side is no call for a CSMS
    When it sends Reset
      | type | Soft |
    Then the CSMS answers with the error NotSupported or NotImplemented
